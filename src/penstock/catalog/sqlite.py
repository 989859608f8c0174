"""Everything about the catalog that only SQLite needs. Another database brings the same: `Engines`, `Generation`,
`copy_to`, `in_transaction`, `is_busy`, `is_damaged` and `as_problem`.

WAL, so readers never wait for the writer; `synchronous=FULL`, so a commit is on disk before it is answered; writers
begin IMMEDIATE, so no transaction fails half way for want of the lock. The file keeps its WAL mode, which is set once,
when it is made: switching is the one step that SQLite refuses to wait for.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from penstock.catalog.counters import Counter
from penstock.model.errors import Kind, Overloaded

BUSY_SECONDS = 5.0
"""How long one attempt waits for another process's lock."""


class Engines:
    """`reader`: a connection per reading thread, refuses to write. `writer`: one connection, for one thread."""

    def __init__(self, path: Path) -> None:
        self.reader = sa.create_engine(
            "sqlite://",
            creator=lambda: _connect(path, "PRAGMA query_only=ON"),
            poolclass=QueuePool,
            pool_size=8,
            max_overflow=-1,
        )
        self.writer = sa.create_engine(
            "sqlite://", creator=lambda: _connect(path), poolclass=QueuePool, pool_size=1, max_overflow=0
        )
        _begin_with(self.reader, "BEGIN")
        _begin_with(self.writer, "BEGIN IMMEDIATE")

    def close(self) -> None:
        self.reader.dispose()
        self.writer.dispose()


class Generation:
    """The definition generation, cheap enough (some 3 us) to ask at every request. SQLite's `data_version` of a
    connection that never writes moves with every commit of anyone; only then is the number itself read."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = _connect(path, "PRAGMA query_only=ON")
        self._cursor = self._connection.cursor()
        self._version: int | None = None
        self._value = 0

    def value(self) -> int:
        with self._lock:
            version: int = self._cursor.execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:
                # A commit between the two reads is seen early here, and once more at the next call: never late.
                query = "SELECT value FROM counter WHERE name = ?"
                self._value = self._cursor.execute(query, (Counter.GENERATION,)).fetchone()[0]
                self._version = version
            return self._value

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def make_wal(path: Path) -> None:
    """Make the file, in WAL mode, if it is not there. The caller sees to it that only one process does."""
    connection = _connect(path)
    try:
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    finally:
        connection.close()
    if mode != "wal":
        raise OSError(f"{path}: this file system cannot hold a SQLite database in WAL mode (it gave {mode!r})")


def copy_to(path: Path, target: Path) -> None:
    """A consistent copy of a database in use. (Reading the file itself would miss the WAL, and closing it would drop
    this process's locks.)"""
    source, copy = _connect(path), sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()


def is_busy(error: BaseException) -> bool:
    """Another process holds the write lock: try again."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def in_transaction(conn: sa.Connection) -> bool:
    """Whether the transaction still stands; a full disk ends it without being asked."""
    raw: Any = conn.connection.dbapi_connection
    return bool(raw.in_transaction)


def is_damaged(error: BaseException) -> bool:
    """The file is no database, or not a whole one."""
    return _code(error) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def as_problem(error: BaseException) -> BaseException:
    """What a caller can answer: `Overloaded` when the lock or the disk's space is wanting, else the error itself."""
    if is_busy(error):
        return Overloaded("the catalog is busy: send the request again")
    if _code(error) == sqlite3.SQLITE_FULL:
        return Overloaded("the disk is full: nothing was changed", retry_after=30, kind=Kind.DISK_FULL)
    return error


def _code(error: BaseException) -> int | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # without the extended part


def _connect(path: Path, *pragmas: str) -> sqlite3.Connection:
    """No implicit transactions: SQLAlchemy's begin is ours to word (`_begin_with`)."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    for pragma in ("PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", *pragmas):
        connection.execute(pragma)
    return connection


def _begin_with(engine: sa.Engine, statement: str) -> None:
    def begin(connection: sa.Connection) -> Any:
        connection.exec_driver_sql(statement)

    listener: Callable[[sa.Connection], Any] = begin
    event.listen(engine, "begin", listener)
