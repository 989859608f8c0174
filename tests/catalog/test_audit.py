"""The audit trail: pages, and the one place that writes it."""

from __future__ import annotations

import re
from pathlib import Path

import penstock
from penstock.catalog import audit
from penstock.catalog.audit import AuditEntry
from penstock.catalog.database import Catalog


def test_an_entry_comes_back(catalog: Catalog) -> None:
    given = AuditEntry(
        owner="o", principal="ak", action="repo.create", object="repo/src", request_id="r1", detail={"fields": ["中"]}
    )
    catalog.change(given, lambda conn: None).result(30)
    [row] = catalog.read(lambda conn: audit.list_of(conn, "o"))
    assert row.at_us > 0
    assert (row.owner, row.principal, row.action, row.object) == ("o", "ak", "repo.create", "repo/src")
    assert (row.request_id, row.detail) == ("r1", {"fields": ["中"]})


def test_pages_are_newest_first_and_of_one_owner(catalog: Catalog) -> None:
    for i in range(5):
        for owner in ("o", "other"):
            entry = AuditEntry(owner=owner, principal="p", action=f"a{i}", object="x")
            catalog.change(entry, lambda conn: None).result(30)
    first = catalog.read(lambda conn: audit.list_of(conn, "o", limit=3))
    second = catalog.read(lambda conn: audit.list_of(conn, "o", before=first[-1].id, limit=3))
    assert [e.action for e in first + second] == ["a4", "a3", "a2", "a1", "a0"]


def test_rows_are_written_in_one_place_only() -> None:
    source = Path(penstock.__file__).parent
    writes = re.compile(r"\baudit\.append\(|insert\(audit\)|into audit", re.IGNORECASE)
    found = {p.relative_to(source).as_posix() for p in source.rglob("*.py") if writes.search(p.read_text("utf-8"))}
    assert found == {"catalog/audit.py", "catalog/database.py"}
