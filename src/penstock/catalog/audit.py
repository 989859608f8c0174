"""The audit trail: who changed what. Rows are added by `Catalog.change` alone, in the change's own transaction."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from penstock.catalog.clock import now_us
from penstock.catalog.tables import audit


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `principal` is an access key or a local command; `object` such as `repo/src` or `repo/src/export/ex`;
    `detail` is for people and holds no secrets. `id` and `at_us` are given when it is written."""

    owner: str
    principal: str
    action: str
    object: str
    request_id: str = ""
    detail: dict[str, Any] = {}
    id: int = 0
    at_us: int = 0


def append(conn: Connection, entry: AuditEntry) -> None:
    """For `Catalog.change` only."""
    row = msgspec.structs.asdict(entry) | {"at_us": now_us()}
    del row["id"]
    conn.execute(insert(audit).values(row))


def list_of(conn: Connection, owner: str, *, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
    """A page of the owner's entries, newest first. The next page: `before` = the last entry's id."""
    query = select(audit).where(audit.c.owner == owner).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.id < before)
    return [AuditEntry(**row) for row in conn.execute(query).mappings()]
