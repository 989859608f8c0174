"""Exports: ids, the life of their source repo, pausing."""

from __future__ import annotations

import msgspec
import pytest

from catalog.makers import an_export, change, create_repo, refused
from penstock.catalog import exports, repos
from penstock.catalog.database import Catalog
from penstock.model.errors import Kind, Problem
from penstock.model.flow import Export
from penstock.model.repo import QueueId


@pytest.fixture
def queue(catalog: Catalog) -> QueueId:
    return create_repo(catalog).queue


def create(catalog: Catalog, queue: QueueId, name: str = "ex", **more: object) -> Export:
    return change(catalog, lambda conn: exports.create(conn, an_export(queue, name, **more)))


def test_every_part_of_a_definition_comes_back(catalog: Catalog, queue: QueueId) -> None:
    made = create(catalog, queue, whence="newest", start={0: 12, 3: 2**62}, paused=True, workflow="w")
    assert catalog.read(lambda conn: exports.get(conn, "o", "src", "ex")) == made
    assert (made.start, made.whence, made.paused) == ({0: 12, 3: 2**62}, "newest", True)
    assert made.created_at_us > 0


def test_an_id_is_never_used_twice(catalog: Catalog, queue: QueueId) -> None:
    seen = set()
    for _ in range(3):
        seen.add(create(catalog, queue).id)
        change(catalog, lambda conn: exports.delete(conn, "o", "src", "ex"))
    assert len(seen) == 3


def test_a_name_is_taken_once_a_repo(catalog: Catalog, queue: QueueId) -> None:
    create(catalog, queue)
    refused(catalog, Kind.EXPORT_EXISTS, lambda conn: exports.create(conn, an_export(queue)))
    create(catalog, create_repo(catalog, "other").queue)


def test_it_belongs_to_one_life_of_its_repo(catalog: Catalog, queue: QueueId) -> None:
    change(catalog, lambda conn: repos.delete(conn, "o", "src"))
    refused(catalog, Kind.REPO_MISSING, lambda conn: exports.create(conn, an_export(queue)))
    create_repo(catalog)
    refused(catalog, Kind.REPO_MISSING, lambda conn: exports.create(conn, an_export(queue)))


def test_missing_export_and_missing_repo_are_told_apart(catalog: Catalog, queue: QueueId) -> None:
    for kind, repo in ((Kind.EXPORT_MISSING, "src"), (Kind.REPO_MISSING, "nope")):
        with pytest.raises(Problem) as caught:
            catalog.read(lambda conn, repo=repo: exports.get(conn, "o", repo, "ex"))
        assert caught.value.kind is kind
        refused(catalog, kind, lambda conn, repo=repo: exports.delete(conn, "o", repo, "ex"))
    with pytest.raises(Problem, match="repo does not exist"):
        catalog.read(lambda conn: exports.list_of(conn, "o", "nope"))
    assert catalog.read(lambda conn: exports.list_of(conn, "o", "src")) == []


def test_lists_are_of_the_repo_or_of_all(catalog: Catalog, queue: QueueId) -> None:
    b, a = create(catalog, queue, "b"), create(catalog, queue, "a")
    other = create(catalog, create_repo(catalog, owner="other").queue)
    assert catalog.read(lambda conn: exports.list_of(conn, "o", "src")) == [a, b]
    assert catalog.read(exports.list_all) == [b, a, other]


def test_an_update_changes_the_spec_and_nothing_that_names_it(catalog: Catalog, queue: QueueId) -> None:
    made = create(catalog, queue)

    def other_bucket(old: Export) -> Export:
        return msgspec.structs.replace(old, spec=old.spec | {"bucket": "c"})

    updated = change(catalog, lambda conn: exports.update(conn, "o", "src", "ex", other_bucket))
    assert (updated.spec, updated.id, updated.created_at_us) == ({"bucket": "c"}, made.id, made.created_at_us)
    assert catalog.read(lambda conn: exports.get(conn, "o", "src", "ex")) == updated
    with pytest.raises(AssertionError, match="rename"):
        change(
            catalog,
            lambda conn: exports.update(conn, "o", "src", "ex", lambda old: msgspec.structs.replace(old, id=99)),
        )


def test_pausing_and_resuming(catalog: Catalog, queue: QueueId) -> None:
    create(catalog, queue)
    for paused in (True, True, False):
        assert change(catalog, lambda conn, p=paused: exports.set_paused(conn, "o", "src", "ex", p)).paused is paused
        assert catalog.read(lambda conn: exports.get(conn, "o", "src", "ex")).paused is paused


def test_a_deleted_exports_id_is_dropped_until_it_is_forgotten(catalog: Catalog, queue: QueueId) -> None:
    made = create(catalog, queue)
    assert change(catalog, lambda conn: exports.delete(conn, "o", "src", "ex")) == made
    assert catalog.read(exports.dropped) == [made.id]
    assert catalog.read(exports.list_all) == []
    catalog.write(lambda conn: exports.forget_dropped(conn, made.id)).result(30)
    assert catalog.read(exports.dropped) == []
