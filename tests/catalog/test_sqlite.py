"""What SQLite is told, and what its refusals become."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from sqlalchemy import Connection, text

from catalog.makers import a_repo, create_repo
from penstock.catalog import repos, sqlite, writer
from penstock.catalog.database import Catalog
from penstock.model.datadir import DataDir
from penstock.model.errors import Kind, Overloaded


def pragma(conn: Connection, name: str) -> object:
    return conn.execute(text(f"PRAGMA {name}")).scalar_one()


def test_a_commit_is_on_disk_before_it_is_answered(catalog: Catalog) -> None:
    """synchronous: 2 is FULL."""
    found = catalog.write(lambda conn: (pragma(conn, "synchronous"), pragma(conn, "journal_mode"))).result(30)
    assert found == (2, "wal")


def test_a_write_has_the_lock_before_its_first_read(catalog: Catalog, data: DataDir) -> None:
    """Else what it read could be old when it writes, and SQLite would refuse it."""

    def read_then_meet_another(conn: Connection) -> None:
        assert repos.list_of(conn, "o") == []
        other = sqlite3.connect(data.catalog, isolation_level=None, timeout=0)
        try:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
        finally:
            other.close()
        repos.create(conn, a_repo())

    catalog.write(read_then_meet_another).result(30)


def test_references_are_checked(catalog: Catalog) -> None:
    assert catalog.write(lambda conn: pragma(conn, "foreign_keys")).result(30) == 1


def test_a_lock_that_is_held_too_long_is_overload(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.01)
    monkeypatch.setattr(writer, "PATIENCE_SECONDS", 0.05)
    with Catalog.open(data, migrate=True) as catalog:
        holder = sqlite3.connect(data.catalog, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        writes = [catalog.write(lambda conn: repos.create(conn, a_repo())) for _ in range(3)]
        for write in writes:
            with pytest.raises(Overloaded, match="the catalog is busy"):
                write.result(30)
        assert catalog.read(lambda conn: repos.list_of(conn, "o")) == []  # reads go on meanwhile
        holder.close()
        create_repo(catalog)


def test_a_lock_that_outlives_one_attempt_is_waited_for(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_busy(error: Exception) -> bool:
        refused.release()
        return sqlite.is_busy(error)

    refused = threading.Semaphore(0)
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.01)
    monkeypatch.setattr(writer, "is_busy", is_busy)
    with Catalog.open(data, migrate=True) as catalog:
        holder = sqlite3.connect(data.catalog, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        write = catalog.write(lambda conn: repos.create(conn, a_repo()))
        for _ in range(3):
            assert refused.acquire(timeout=30)
        holder.close()
        assert write.result(30).incarnation == 1


def test_a_full_disk_is_told_and_heals(catalog: Catalog) -> None:
    def limit(conn: Connection, pages: int) -> None:
        conn.execute(text(f"PRAGMA max_page_count={pages}"))

    full = int(str(catalog.write(lambda conn: pragma(conn, "page_count")).result(30)))
    catalog.write(lambda conn: limit(conn, full)).result(30)
    with pytest.raises(Overloaded, match="the disk is full") as caught:
        create_repo(catalog, description="x" * 100_000)
    assert caught.value.kind is Kind.DISK_FULL
    catalog.write(lambda conn: limit(conn, full + 1000)).result(30)
    create_repo(catalog, description="x" * 100_000)


def test_other_errors_stay_what_they_are() -> None:
    error = ValueError("x")
    assert sqlite.as_problem(error) is error
