"""What every catalog must do, whichever database is under it. One row of CATALOGS a database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from catalog.children import Child
from catalog.makers import a_repo, change, create_repo, entry
from penstock.catalog import audit, repos
from penstock.catalog.cache import CatalogCache
from penstock.catalog.counters import Counter, advance
from penstock.catalog.database import Catalog
from penstock.catalog.writer import CatalogClosed
from penstock.model.datadir import DataDir
from penstock.model.errors import Kind, Problem

CATALOGS = {"sqlite": Catalog.open}


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.fixture(params=CATALOGS)
def catalog(request: pytest.FixtureRequest, data: DataDir) -> Iterator[Catalog]:
    with CATALOGS[request.param](data, migrate=True) as opened:
        yield opened


def test_what_is_written_is_read_by_this_and_by_another_process(catalog: Catalog, data: DataDir) -> None:
    made = create_repo(catalog)
    assert catalog.read(lambda conn: repos.get(conn, "o", "src")) == made
    with Child(data) as other:
        assert other.ask("cached", "src") == made.incarnation


def test_a_write_that_raises_leaves_nothing_and_hurts_no_other(catalog: Catalog) -> None:
    hold = threading.Event()

    def wait(_: Connection) -> None:
        assert hold.wait(30)

    def half(conn: Connection) -> None:
        repos.create(conn, a_repo("half"))
        raise ValueError("no")

    waiting = catalog.write(wait)  # so that the three behind it share a transaction
    before = catalog.write(lambda conn: repos.create(conn, a_repo("before")))
    failing = catalog.write(half)
    after = catalog.write(lambda conn: repos.create(conn, a_repo("after")))
    hold.set()
    waiting.result(30)
    with pytest.raises(ValueError, match="no"):
        failing.result(30)
    assert before.result(30).incarnation < after.result(30).incarnation
    assert [r.name for r in catalog.read(lambda conn: repos.list_of(conn, "o"))] == ["after", "before"]


def test_a_future_resolves_after_the_commit(catalog: Catalog) -> None:
    def seen(_: object) -> None:
        found.append(catalog.read(lambda conn: repos.find(conn, "o", "src")))

    found: list[object] = []
    hold = threading.Event()
    catalog.write(lambda _: hold.wait(30))
    future = catalog.write(lambda conn: repos.create(conn, a_repo()))
    future.add_done_callback(seen)
    assert catalog.read(lambda conn: repos.find(conn, "o", "src")) is None
    hold.set()
    made = future.result(30)
    catalog.write(lambda _: None).result(30)  # the callback has run before this
    assert found == [made]


def test_a_read_sees_one_moment(catalog: Catalog) -> None:
    create_repo(catalog, "one")

    def twice(conn: Connection) -> tuple[int, int]:
        first = len(repos.list_of(conn, "o"))
        create_repo(catalog, "two")
        return first, len(repos.list_of(conn, "o"))

    assert catalog.read(twice) == (1, 1)


def test_a_read_cannot_write(catalog: Catalog) -> None:
    with pytest.raises(DBAPIError):
        catalog.read(lambda conn: repos.create(conn, a_repo()))
    assert catalog.read(lambda conn: repos.list_of(conn, "o")) == []


def test_a_change_is_audited_and_moves_the_generation_in_one_step(catalog: Catalog) -> None:
    before = catalog.generation()
    catalog.change(entry(action="repo.create"), lambda conn: repos.create(conn, a_repo())).result(30)
    assert catalog.generation() > before
    [row] = catalog.read(lambda conn: audit.list_of(conn, "o"))
    assert (row.action, row.principal) == ("repo.create", "tester")


def test_a_change_that_raises_is_not_audited_and_moves_nothing(catalog: Catalog) -> None:
    create_repo(catalog)
    before = catalog.generation(), catalog.read(lambda conn: audit.list_of(conn, "o"))
    with pytest.raises(Problem) as caught:
        create_repo(catalog)
    assert caught.value.kind is Kind.REPO_EXISTS
    assert (catalog.generation(), catalog.read(lambda conn: audit.list_of(conn, "o"))) == before


def test_a_plain_write_moves_no_generation(catalog: Catalog) -> None:
    before = catalog.generation()
    catalog.write(lambda conn: advance(conn, Counter.FLOW)).result(30)
    assert catalog.generation() == before


def test_every_change_is_seen_at_once_by_every_process(catalog: Catalog, data: DataDir) -> None:
    with Child(data) as one, Child(data) as other:
        for i in range(20):
            before = other.ask("generation")
            assert other.ask("cached", "src") is None
            made = one.ask("create", "src")
            assert other.ask("generation") > before
            assert other.ask("cached", "src") == made
            assert catalog.generation() == other.ask("generation")
            change(catalog, lambda conn: repos.delete(conn, "o", "src"))
            assert one.ask("cached", "src") is None, i


def test_a_cache_keeps_nothing_that_was_read_before_a_change(catalog: Catalog) -> None:
    """The read of a slow thread ends after the change: what it read must not stay."""

    def load(conn: Connection, name: str) -> bool:
        found = repos.find(conn, "o", name) is not None
        if not changed.is_set():
            changed.set()
            create_repo(catalog, name)  # committed while this read still sees the old moment
            assert cache.get(name)  # another one fills the new generation's cache
        return found

    changed = threading.Event()
    cache = CatalogCache(catalog, load)
    assert not cache.get("src")
    assert cache.get("src")


def test_counters_never_repeat_over_processes(data: DataDir, catalog: Catalog) -> None:
    with Child(data) as one, Child(data) as other:
        for child in (one, other):
            child.send("count", 30)
        drawn = one.receive()[1] + other.receive()[1]
    assert sorted(drawn) == list(range(1, 61))


def test_50_writers_in_4_processes_meet_no_lock(catalog: Catalog, data: DataDir) -> None:
    children = [Child(data) for _ in range(4)]
    shares, rounds = (13, 13, 12, 12), 4
    try:
        for n, (child, writers) in enumerate(zip(children, shares, strict=True)):
            child.send("hammer", f"p{n}", writers, rounds)
        for child in children:
            assert child.receive() == ["ok", []]
    finally:
        for child in children:
            child.__exit__(None, None, None)
    found = catalog.read(lambda conn: repos.list_of(conn, "o"))
    assert len(found) == sum(shares) * rounds
    assert len({r.incarnation for r in found}) == len(found)


def test_what_was_answered_survives_a_kill(catalog: Catalog, data: DataDir) -> None:
    with Child(data) as child:
        made = child.ask("create", "src")
    assert catalog.read(lambda conn: repos.get(conn, "o", "src")).incarnation == made


def test_closing_does_what_is_queued_and_refuses_the_rest(data: DataDir) -> None:
    opened = Catalog.open(data, migrate=True)
    queued = [opened.write(lambda conn, n=n: repos.create(conn, a_repo(f"r{n}"))) for n in range(200)]
    opened.close()
    opened.close()
    assert all(f.done() and not f.exception() for f in queued)
    for use in (
        lambda: opened.read(lambda conn: conn.execute(text("SELECT 1"))),
        lambda: opened.write(lambda conn: None),
        lambda: opened.change(entry(), lambda conn: None),
        opened.generation,
    ):
        with pytest.raises(CatalogClosed, match="the catalog is closed"):
            use()


def test_a_backup_taken_in_the_middle_is_whole(catalog: Catalog, tmp_path: Path) -> None:
    create_repo(catalog)
    copy = DataDir(tmp_path / "copy")
    copy.root.mkdir()
    copy.format.write_text("1\n")
    catalog.backup(copy.catalog)
    create_repo(catalog, "later")
    with Catalog.open(copy) as restored:
        assert [r.name for r in restored.read(lambda conn: repos.list_of(conn, "o"))] == ["src"]
