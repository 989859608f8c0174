"""Owners and grants."""

from __future__ import annotations

import pytest

from catalog.makers import change, refused
from penstock.catalog import owners
from penstock.catalog.database import Catalog
from penstock.catalog.owners import Grant
from penstock.model.access import Role
from penstock.model.errors import Kind


@pytest.fixture(autouse=True)
def two_owners(catalog: Catalog) -> None:
    for owner in ("a", "b"):
        change(catalog, lambda conn, owner=owner: owners.ensure(conn, owner))


def test_an_owner_is_made_once(catalog: Catalog) -> None:
    made = change(catalog, lambda conn: owners.ensure(conn, "1380000000", "Team Nine"))
    assert change(catalog, lambda conn: owners.ensure(conn, "1380000000", "Other")) == made
    assert made.name == "Team Nine"
    assert [o.id for o in catalog.read(owners.list_all)] == ["1380000000", "a", "b"]
    assert catalog.read(lambda conn: owners.find(conn, "c")) is None


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "-a", "_a", "a b", "é", "a\n", "x" * 129, "a\x00"])
def test_an_id_is_safe_as_the_name_of_a_folder(catalog: Catalog, bad: str) -> None:
    refused(catalog, Kind.PARAMETER_INVALID, lambda conn: owners.ensure(conn, bad))


def test_a_grant_goes_one_way_and_can_change_and_end(catalog: Catalog) -> None:
    change(catalog, lambda conn: owners.grant(conn, "a", "b", Role.VIEWER))
    assert catalog.read(lambda conn: owners.granted(conn, "a", "b")) is Role.VIEWER
    assert catalog.read(lambda conn: owners.granted(conn, "b", "a")) is None
    change(catalog, lambda conn: owners.grant(conn, "a", "b", Role.EDITOR))
    assert catalog.read(lambda conn: owners.grants_of(conn, "a")) == [Grant("a", "b", Role.EDITOR)]
    assert change(catalog, lambda conn: owners.withdraw(conn, "a", "b"))
    assert not change(catalog, lambda conn: owners.withdraw(conn, "a", "b"))
    assert catalog.read(lambda conn: owners.granted(conn, "a", "b")) is None


@pytest.mark.parametrize(
    ("owner", "grantee", "kind"),
    [("a", "x", Kind.OWNER_UNKNOWN), ("x", "a", Kind.OWNER_UNKNOWN), ("a", "a", Kind.PARAMETER_INVALID)],
)
def test_a_grant_needs_two_owners(catalog: Catalog, owner: str, grantee: str, kind: Kind) -> None:
    refused(catalog, kind, lambda conn: owners.grant(conn, owner, grantee, Role.VIEWER))
