"""The one thread of a process that writes to the catalog."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from penstock.catalog.sqlite import as_problem, in_transaction, is_busy
from penstock.model.crashpoint import crashpoint

T = TypeVar("T")

BATCH = 64
"""Most writes of one transaction: short enough for the other processes, long enough to share a sync."""
PATIENCE_SECONDS = 60.0
"""How long a transaction tries to begin while other processes write."""


class CatalogClosed(RuntimeError):
    """The catalog was used after it was closed."""

    def __init__(self) -> None:
        super().__init__("the catalog is closed")


@dataclass(slots=True, eq=False)
class _Write:
    fn: Callable[[Connection], Any]
    future: Future[Any] = field(default_factory=Future)
    result: Any = None


class Writer:
    """Runs queued writes in short transactions. Those that wait together share one transaction, each within its own
    savepoint: one that raises undoes only itself. A future resolves after the commit; it can be cancelled until its
    write begins."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: SimpleQueue[_Write | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="catalog-writer", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[[Connection], T]) -> Future[T]:
        """Raises CatalogClosed."""
        write = _Write(fn)
        with self._lock:
            if self._closed:
                raise CatalogClosed
            self._queue.put(write)
        return write.future

    def close(self) -> None:
        """Do what is queued, then end the thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            try:
                conn = self._begin()
            except Exception as error:  # noqa: BLE001 - reaches the callers through their futures
                # What waits behind would meet the same; let it not wait as long again, one by one.
                _fail([write for write in self._waiting(first) if _claim(write)], error)
            else:
                self._transact(conn, first)

    def _transact(self, conn: Connection, first: _Write) -> None:
        done: list[_Write] = []
        try:
            for write in self._waiting(first):
                if _claim(write):
                    _perform(conn, write, done)
            crashpoint("catalog.commit.ready")
            conn.commit()
            crashpoint("catalog.commit.done")
        except BaseException as error:  # noqa: BLE001 - reaches the callers through their futures
            conn.invalidate()  # who knows in what state: the next transaction gets a new connection
            conn.close()
            _fail(done, error)
        else:
            conn.close()
            for write in done:
                write.future.set_result(write.result)

    def _waiting(self, first: _Write) -> Iterator[_Write]:
        """`first` and what waits behind it, up to one batch."""
        yield first
        for _ in range(BATCH - 1):
            try:
                write = self._queue.get_nowait()
            except Empty:
                return
            if write is None:
                self._queue.put(None)  # for `_run`; nothing comes behind it
                return
            yield write

    def _begin(self) -> Connection:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            conn = self._engine.connect()
            try:
                conn.begin()
            except DBAPIError as error:
                conn.close()
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
            else:
                return conn


def _claim(write: _Write) -> bool:
    """From here on it cannot be cancelled; False when it has been."""
    return write.future.set_running_or_notify_cancel()


def _perform(conn: Connection, write: _Write, done: list[_Write]) -> None:
    """Run one write within its savepoint. Its own error goes to its future. Where the whole transaction is gone (SQLite
    ends it when the disk is full, whatever the write then does), the error goes up: those before it are lost too."""
    done.append(write)
    savepoint = conn.begin_nested()
    try:
        write.result = write.fn(conn)
        savepoint.commit()
        if not in_transaction(conn):
            raise RuntimeError("the write ended the transaction that it shares with others")
    except BaseException as error:  # the thread outlives whatever a write raises
        if not in_transaction(conn) or not savepoint.is_active:
            raise
        savepoint.rollback()
        done.pop()
        _fail([write], error)


def _fail(writes: list[_Write], error: BaseException) -> None:
    for write in writes:
        write.future.set_exception(as_problem(error))
