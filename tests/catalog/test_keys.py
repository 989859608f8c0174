"""Stored keys."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from catalog.makers import change, refused
from penstock.catalog import keys, owners
from penstock.catalog.database import Catalog
from penstock.catalog.keys import StoredKey
from penstock.model.access import Role
from penstock.model.errors import Kind


def draft(access_key: str = "ak", owner: str = "a", role: Role = Role.ADMIN) -> StoredKey:
    return StoredKey(access_key=access_key, owner=owner, sealed_secret=b"\x00sealed\xff", role=role, label="l")


@pytest.fixture(autouse=True)
def an_owner(catalog: Catalog) -> None:
    change(catalog, lambda conn: owners.ensure(conn, "a"))


def test_a_key_comes_back(catalog: Catalog) -> None:
    made = change(catalog, lambda conn: keys.create(conn, draft()))
    assert catalog.read(lambda conn: keys.find(conn, "ak")) == made
    assert (made.sealed_secret, made.role, made.revoked_at_us) == (b"\x00sealed\xff", Role.ADMIN, None)
    assert catalog.read(lambda conn: keys.find(conn, "AK")) is None


def test_an_access_key_is_never_given_out_twice(catalog: Catalog) -> None:
    change(catalog, lambda conn: keys.create(conn, draft()))
    change(catalog, lambda conn: keys.revoke(conn, "ak"))
    refused(catalog, Kind.PARAMETER_INVALID, lambda conn: keys.create(conn, draft()))


def test_the_first_revocation_stands(catalog: Catalog) -> None:
    change(catalog, lambda conn: keys.create(conn, draft()))
    first = change(catalog, lambda conn: keys.revoke(conn, "ak"))
    assert first.revoked_at_us
    assert change(catalog, lambda conn: keys.revoke(conn, "ak")) == first
    refused(catalog, Kind.PARAMETER_INVALID, lambda conn: keys.revoke(conn, "nope"))


def test_a_key_needs_its_owner(catalog: Catalog) -> None:
    with pytest.raises(IntegrityError):
        change(catalog, lambda conn: keys.create(conn, draft(owner="nobody")))


def test_only_an_admin_that_is_not_revoked_counts(catalog: Catalog) -> None:
    def has_admin(owner: str) -> bool:
        return catalog.read(lambda conn: keys.has_admin(conn, owner))

    change(catalog, lambda conn: keys.create(conn, draft("e", role=Role.EDITOR)))
    assert not has_admin("a")
    change(catalog, lambda conn: keys.create(conn, draft()))
    assert has_admin("a")
    assert not has_admin("b")
    change(catalog, lambda conn: keys.revoke(conn, "ak"))
    assert not has_admin("a")


def test_lists_are_of_one_owner_or_of_all(catalog: Catalog) -> None:
    change(catalog, lambda conn: owners.ensure(conn, "b"))
    for access_key, owner in (("z", "a"), ("y", "b"), ("x", "a")):
        change(catalog, lambda conn, k=access_key, o=owner: keys.create(conn, draft(k, o)))
    assert [k.access_key for k in catalog.read(keys.list_all)] == ["z", "y", "x"]
    assert [k.access_key for k in catalog.read(lambda conn: keys.list_all(conn, "a"))] == ["z", "x"]
    newest = catalog.read(keys.newest)
    assert newest
    assert newest.access_key == "x"
