"""X-Resource-Owner: own, granted, known, unknown."""

from __future__ import annotations

import pytest

from penstock.auth.principal import Principal
from penstock.auth.resource_owner import resolve
from penstock.catalog import owners
from penstock.catalog.audit import AuditEntry
from penstock.catalog.database import Catalog
from penstock.model.access import Role
from penstock.model.errors import Kind, Problem

ENTRY = AuditEntry(owner="a", principal="test", action="grant.add", object="grant/b")


@pytest.fixture(autouse=True)
def three_owners(catalog: Catalog) -> None:
    for owner in ("a", "b", "c"):
        catalog.change(ENTRY, lambda conn, owner=owner: owners.ensure(conn, owner)).result(30)


def principal(role: Role = Role.ADMIN) -> Principal:
    return Principal("ak", "b", role, "b")


@pytest.mark.parametrize("header", [None, "", "  ", "b", " b "])
def test_no_header_or_ones_own(catalog: Catalog, header: str | None) -> None:
    assert resolve(catalog, principal(), header) == principal()


@pytest.mark.parametrize("header", ["x", "A", "a/b", "a\x00", "é", "a" * 1000, "1" * 30])
def test_an_unknown_owner(catalog: Catalog, header: str) -> None:
    with pytest.raises(Problem) as caught:
        resolve(catalog, principal(), header)
    assert caught.value.kind is Kind.OWNER_UNKNOWN


def test_a_known_owner_that_granted_nothing(catalog: Catalog) -> None:
    catalog.change(ENTRY, lambda conn: owners.grant(conn, "b", "a", Role.ADMIN)).result(30)  # the other way round
    catalog.change(ENTRY, lambda conn: owners.grant(conn, "a", "c", Role.ADMIN)).result(30)  # to somebody else
    with pytest.raises(Problem, match="granted nothing") as caught:
        resolve(catalog, principal(), "a")
    assert caught.value.kind is Kind.ACCESS_DENIED


@pytest.mark.parametrize("own", Role)
@pytest.mark.parametrize("granted", Role)
def test_a_grant_gives_the_lower_role(catalog: Catalog, own: Role, granted: Role) -> None:
    catalog.change(ENTRY, lambda conn: owners.grant(conn, "a", "b", granted)).result(30)
    acting = resolve(catalog, principal(own), "a")
    assert (acting.name, acting.owner, acting.home) == ("ak", "a", "b")
    assert own.covers(acting.role)
    assert granted.covers(acting.role)
    assert acting.role in (own, granted)


def test_a_grant_that_is_withdrawn_ends_at_once(catalog: Catalog) -> None:
    catalog.change(ENTRY, lambda conn: owners.grant(conn, "a", "b", Role.EDITOR)).result(30)
    resolve(catalog, principal(), "a")
    catalog.change(ENTRY, lambda conn: owners.withdraw(conn, "a", "b")).result(30)
    with pytest.raises(Problem):
        resolve(catalog, principal(), "a")


def test_a_grant_does_not_pass_on(catalog: Catalog) -> None:
    catalog.change(ENTRY, lambda conn: owners.grant(conn, "a", "b", Role.ADMIN)).result(30)
    catalog.change(ENTRY, lambda conn: owners.grant(conn, "c", "a", Role.ADMIN)).result(30)
    with pytest.raises(Problem):
        resolve(catalog, resolve(catalog, principal(), "a"), "c")
