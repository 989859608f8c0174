"""Buckets: a name belongs to the owner that used it first."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from penstock.catalog.clock import now_us
from penstock.catalog.tables import bucket


def get(conn: Connection, name: str) -> str | None:
    """The bucket's owner."""
    return conn.execute(select(bucket.c.owner).where(bucket.c.name == name)).scalar_one_or_none()


def claim(conn: Connection, owner: str, name: str) -> bool:
    """Give the name to `owner` when it is free. True when it is `owner`'s now, False when it is another's."""
    holder = get(conn, name)
    if holder is None:
        conn.execute(insert(bucket).values(name=name, owner=owner, created_at_us=now_us()))
    return holder in (None, owner)


def list_of(conn: Connection, owner: str) -> list[str]:
    """The owner's bucket names, sorted."""
    return list(conn.execute(select(bucket.c.name).where(bucket.c.owner == owner).order_by(bucket.c.name)).scalars())
