"""The one thread of a process that writes to the catalog."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from penstock.catalog.sqlite import as_problem, is_busy

T = TypeVar("T")

BATCH = 64
"""Most writes of one transaction: short enough for the other processes, long enough to share a sync."""
PATIENCE_SECONDS = 60.0
"""How long a transaction tries to begin while other processes write."""


class CatalogClosed(RuntimeError):
    """The catalog was used after it was closed."""

    def __init__(self) -> None:
        super().__init__("the catalog is closed")


@dataclass(slots=True)
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
            begun: list[_Write] = []
            try:
                with self._transaction() as conn:
                    for write in self._waiting(first):
                        if write.future.set_running_or_notify_cancel():
                            self._perform(conn, write, begun)
            except Exception as error:  # noqa: BLE001 - reaches every caller through its future
                self._fail(first, begun, as_problem(error))
            else:
                for write in begun:
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

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            conn = self._engine.connect()
            try:
                conn.begin()
                break
            except DBAPIError as error:
                conn.close()
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
        with conn:
            yield conn
            conn.commit()

    @staticmethod
    def _perform(conn: Connection, write: _Write, begun: list[_Write]) -> None:
        """Run one write. Its own error goes to its future; an error that ended the transaction goes up."""
        begun.append(write)
        savepoint = conn.begin_nested()
        try:
            write.result = write.fn(conn)
            savepoint.commit()
        except BaseException as error:  # noqa: BLE001 - reaches the caller through its future; the thread lives on
            savepoint.rollback()
            begun.remove(write)
            write.future.set_exception(as_problem(error) if isinstance(error, Exception) else error)

    def _fail(self, first: _Write, begun: list[_Write], error: Exception) -> None:
        """The transaction is lost. If it never began, then what waits would meet the same."""
        if not begun:
            begun = [write for write in self._waiting(first) if write.future.set_running_or_notify_cancel()]
        for write in begun:
            write.future.set_exception(error)
