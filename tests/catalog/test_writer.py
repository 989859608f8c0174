"""The writer thread: sharing a transaction, cancelling, and a transaction that is lost."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from catalog.makers import a_repo, create_repo
from penstock.catalog import repos
from penstock.catalog.database import Catalog


class Gate:
    """Holds the writer inside one write, so that what is queued behind it shares its transaction."""

    def __init__(self, catalog: Catalog) -> None:
        self._open = threading.Event()
        entered = threading.Event()

        def hold(_: Connection) -> None:
            entered.set()
            assert self._open.wait(30)

        self.future: Future[None] = catalog.write(hold)
        assert entered.wait(30)

    def open(self) -> None:
        self._open.set()


def commits(catalog: Catalog) -> list[object]:
    """Grows by one with each commit of the writer."""
    seen: list[object] = []
    event.listen(catalog._engines.writer, "commit", seen.append)
    return seen


def names(catalog: Catalog) -> list[str]:
    return [r.name for r in catalog.read(lambda conn: repos.list_of(conn, "o"))]


def test_what_waits_together_shares_a_commit(catalog: Catalog) -> None:
    seen = commits(catalog)
    gate = Gate(catalog)
    writes = [catalog.write(lambda conn, n=n: repos.create(conn, a_repo(f"r{n}"))) for n in range(40)]
    gate.open()
    for write in writes:
        write.result(30)
    assert len(seen) == 1


def test_a_batch_has_an_end(catalog: Catalog) -> None:
    seen = commits(catalog)
    gate = Gate(catalog)
    writes = [catalog.write(lambda conn: None) for _ in range(150)]
    gate.open()
    for write in writes:
        write.result(30)
    assert len(seen) == 3


def test_a_write_can_be_cancelled_until_it_begins(catalog: Catalog) -> None:
    gate = Gate(catalog)
    write = catalog.write(lambda conn: repos.create(conn, a_repo()))
    assert write.cancel()
    assert not gate.future.cancel()
    gate.open()
    assert gate.future.result(30) is None
    with pytest.raises(CancelledError):
        write.result(30)
    assert names(catalog) == []


def test_a_lost_transaction_fails_all_that_were_in_it_and_no_other(catalog: Catalog) -> None:
    gate = Gate(catalog)
    before = catalog.write(lambda conn: repos.create(conn, a_repo("before")))
    breaking = catalog.write(lambda conn: conn.execute(text("ROLLBACK")))
    after = catalog.write(lambda conn: repos.create(conn, a_repo("after")))
    gate.open()
    for lost in (gate.future, before, breaking):
        with pytest.raises(DBAPIError, match="no such savepoint"):
            lost.result(30)
    after.result(30)
    assert names(catalog) == ["after"]


def test_a_write_that_hides_how_it_lost_the_transaction_is_found_out(catalog: Catalog) -> None:
    def hide(conn: Connection) -> None:
        conn.execute(text("ROLLBACK"))
        conn.execute(text("SAVEPOINT sa_savepoint_3"))  # now it looks as if nothing had happened

    gate = Gate(catalog)
    before = catalog.write(lambda conn: repos.create(conn, a_repo("before")))
    hiding = catalog.write(hide)
    gate.open()
    for lost in (gate.future, before, hiding):
        with pytest.raises(RuntimeError, match="ended the transaction"):
            lost.result(30)
    create_repo(catalog, "after")
    assert names(catalog) == ["after"]


def test_a_commit_that_fails_reaches_every_caller(catalog: Catalog) -> None:
    def refuse(_: object) -> None:
        raise OSError("disk gone")

    gate = Gate(catalog)
    writes = [catalog.write(lambda conn, n=n: repos.create(conn, a_repo(f"r{n}"))) for n in range(3)]
    event.listen(catalog._engines.writer, "commit", refuse, once=True)
    gate.open()
    for write in writes:
        with pytest.raises(OSError, match="disk gone"):
            write.result(30)
    assert names(catalog) == []
    create_repo(catalog)


def test_a_commit_that_fails_after_every_write_failed_ends_nothing(catalog: Catalog) -> None:
    def refuse(_: object) -> None:
        raise OSError("disk gone")

    def bad(_: Connection) -> None:
        raise ValueError("bad")

    event.listen(catalog._engines.writer, "commit", refuse, once=True)
    with pytest.raises(ValueError, match="bad"):
        catalog.write(bad).result(30)
    assert catalog.write(lambda conn: 7).exception(30) is None


def test_the_thread_outlives_whatever_a_write_raises(catalog: Catalog) -> None:
    def leave(_: Connection) -> None:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        catalog.write(leave).result(30)
    create_repo(catalog)
