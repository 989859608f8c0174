"""Repos: incarnations, atomic updates, the rules of deletion."""

from __future__ import annotations

import msgspec
import pytest

from catalog.makers import a_repo, an_export, change, create_repo, refused
from penstock.catalog import exports, repos
from penstock.catalog.database import Catalog
from penstock.model.errors import Kind, Problem
from penstock.model.repo import QueueId, Repo, RepoOptions
from penstock.model.schema import ElemType, Field, Schema, ValType


def test_every_part_of_a_definition_comes_back(catalog: Catalog) -> None:
    inner = Field("x", ValType.MAP, schema=(Field("y", ValType.ARRAY, ElemType.LONG),), required=True)
    draft = Repo(
        owner="o",
        name="r",
        incarnation=0,
        region="nb",
        schema=Schema((Field("f", ValType.IP, description="中文"), inner)),
        options=RepoOptions(with_ip="ip", with_timestamp="ts", unescape_line=True),
        group="g",
        workflow="w",
        rule_names=("a", "b"),
        description="d",
        derived_from="t",
    )
    made = change(catalog, lambda conn: repos.create(conn, draft))
    found = catalog.read(lambda conn: repos.get(conn, "o", "r"))
    assert found == made
    given = msgspec.structs.replace(
        draft, incarnation=made.incarnation, created_at_us=made.created_at_us, updated_at_us=made.updated_at_us
    )
    assert made == given
    assert made.created_at_us == made.updated_at_us > 0


def test_an_incarnation_is_never_used_twice(catalog: Catalog) -> None:
    seen = set()
    for _ in range(3):
        seen.add(create_repo(catalog).incarnation)
        change(catalog, lambda conn: repos.delete(conn, "o", "src"))
    assert len(seen) == 3


def test_a_name_is_taken_once_an_owner(catalog: Catalog) -> None:
    create_repo(catalog)
    refused(catalog, Kind.REPO_EXISTS, lambda conn: repos.create(conn, a_repo()))
    create_repo(catalog, owner="other")
    assert [r.owner for r in catalog.read(repos.list_all)] == ["o", "other"]
    assert len(catalog.read(lambda conn: repos.list_of(conn, "o"))) == 1


def test_names_that_differ_in_case_are_two(catalog: Catalog) -> None:
    create_repo(catalog, "src")
    create_repo(catalog, "SRC")
    assert [r.name for r in catalog.read(lambda conn: repos.list_of(conn, "o"))] == ["SRC", "src"]


def test_the_quota_holds_at_its_edge(catalog: Catalog) -> None:
    for name in ("a", "b"):
        change(catalog, lambda conn, name=name: repos.create(conn, a_repo(name), at_most=2))
    problem = refused(catalog, Kind.REPO_QUOTA, lambda conn: repos.create(conn, a_repo("c"), at_most=2))
    assert "has 2 repos; at most 2" in problem.message
    change(catalog, lambda conn: repos.create(conn, a_repo("c", "other"), at_most=2))


def test_a_missing_repo_is_told_in_the_words_clients_know(catalog: Catalog) -> None:
    with pytest.raises(Problem, match=r"^The specified repo does not exist under the provided appid$") as caught:
        catalog.read(lambda conn: repos.get(conn, "o", "nope"))
    assert caught.value.kind is Kind.REPO_MISSING
    refused(catalog, Kind.REPO_MISSING, lambda conn: repos.delete(conn, "o", "nope"))
    refused(catalog, Kind.REPO_MISSING, lambda conn: repos.update(conn, "o", "nope", lambda r: r))
    assert catalog.read(lambda conn: repos.find(conn, "o", "nope")) is None


def test_an_update_changes_only_what_it_may(catalog: Catalog) -> None:
    made = create_repo(catalog)

    def describe(old: Repo) -> Repo:
        return msgspec.structs.replace(old, description="new", created_at_us=1)

    updated = change(catalog, lambda conn: repos.update(conn, "o", "src", describe))
    assert updated.description == "new"
    assert updated.created_at_us == made.created_at_us
    assert updated.updated_at_us >= made.updated_at_us
    assert catalog.read(lambda conn: repos.get(conn, "o", "src")) == updated
    with pytest.raises(AssertionError, match="rename"):
        change(catalog, lambda conn: repos.update(conn, "o", "src", lambda old: msgspec.structs.replace(old, name="x")))


def test_updates_at_the_same_time_lose_nothing(catalog: Catalog) -> None:
    def with_one_more(old: Repo) -> Repo:
        return msgspec.structs.replace(
            old, schema=old.schema.with_field(Field(f"f{len(old.schema.fields)}", ValType.LONG))
        )

    create_repo(catalog)
    writes = [catalog.write(lambda conn: repos.update(conn, "o", "src", with_one_more)) for _ in range(40)]
    for write in writes:
        write.result(30)
    assert len(catalog.read(lambda conn: repos.get(conn, "o", "src")).schema.fields) == 41


def test_a_repo_with_exports_cannot_be_deleted(catalog: Catalog) -> None:
    queue = create_repo(catalog).queue
    change(catalog, lambda conn: exports.create(conn, an_export(queue, "ex")))
    problem = refused(catalog, Kind.REPO_IN_USE, lambda conn: repos.delete(conn, "o", "src"))
    assert "ex" in problem.message
    change(catalog, lambda conn: exports.delete(conn, "o", "src", "ex"))
    assert change(catalog, lambda conn: repos.delete(conn, "o", "src")) == queue


def test_a_transforms_target_cannot_be_deleted(catalog: Catalog) -> None:
    create_repo(catalog, derived_from="tr")
    problem = refused(catalog, Kind.REPO_DERIVED, lambda conn: repos.delete(conn, "o", "src"))
    assert "'tr'" in problem.message


def test_a_deleted_repos_queue_is_dropped_until_it_is_forgotten(catalog: Catalog) -> None:
    first = create_repo(catalog).queue
    change(catalog, lambda conn: repos.delete(conn, "o", "src"))
    second = create_repo(catalog).queue
    change(catalog, lambda conn: repos.delete(conn, "o", "src"))
    assert catalog.read(repos.dropped) == [first, second]
    catalog.write(lambda conn: repos.forget_dropped(conn, first)).result(30)
    assert catalog.read(repos.dropped) == [second]
    catalog.write(lambda conn: repos.forget_dropped(conn, QueueId("o", "x", 99))).result(30)
