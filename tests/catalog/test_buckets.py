"""Buckets: the first owner has the name."""

from __future__ import annotations

from penstock.catalog import buckets
from penstock.catalog.database import Catalog


def test_the_first_owner_keeps_the_name(catalog: Catalog) -> None:
    claims = [
        catalog.write(lambda conn, owner=owner: buckets.claim(conn, owner, "logs")).result(30)
        for owner in ("a", "b", "a")
    ]
    assert claims == [True, False, True]
    assert catalog.read(lambda conn: buckets.get(conn, "logs")) == "a"


def test_an_unclaimed_name_has_no_owner(catalog: Catalog) -> None:
    assert catalog.read(lambda conn: buckets.get(conn, "logs")) is None


def test_an_owners_buckets_are_listed_by_name(catalog: Catalog) -> None:
    for owner, name in (("a", "y"), ("a", "x"), ("b", "z")):
        catalog.write(lambda conn, o=owner, n=name: buckets.claim(conn, o, n)).result(30)
    assert catalog.read(lambda conn: buckets.list_of(conn, "a")) == ["x", "y"]
