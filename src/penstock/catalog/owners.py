"""Owners (tenants), and what they grant to the principals of other owners."""

from __future__ import annotations

import re

import msgspec
from sqlalchemy import Connection, delete, insert, select

from penstock.catalog.clock import now_us
from penstock.catalog.tables import owner, owner_grant
from penstock.model.access import Role
from penstock.model.errors import Kind, Problem

ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}")
"""Looser than a name: a uid of digits is one. Still safe as the name of a folder."""


class Owner(msgspec.Struct, frozen=True):
    id: str
    name: str
    created_at_us: int


class Grant(msgspec.Struct, frozen=True):
    """The principals of `grantee` may act for `owner`, with `role` at most."""

    owner: str
    grantee: str
    role: Role


def ensure(conn: Connection, owner_id: str, name: str = "") -> Owner:
    """The owner of that id, made when it is new (`name` is for people; default the id). Raises
    Problem(PARAMETER_INVALID) for an illegal id."""
    found = find(conn, owner_id)
    if found is not None:
        return found
    if ID.fullmatch(owner_id) is None:
        raise Problem(
            Kind.PARAMETER_INVALID, f"owner {owner_id[:140]!r} is not a legal id: it must match ^{ID.pattern}$"
        )
    made = Owner(owner_id, name or owner_id, now_us())
    conn.execute(insert(owner).values(msgspec.structs.asdict(made)))
    return made


def find(conn: Connection, owner_id: str) -> Owner | None:
    row = conn.execute(
        select(owner.c.id, owner.c.name, owner.c.created_at_us).where(owner.c.id == owner_id)
    ).one_or_none()
    return Owner(*row) if row else None


def list_all(conn: Connection) -> list[Owner]:
    """Every owner by id."""
    rows = conn.execute(select(owner.c.id, owner.c.name, owner.c.created_at_us).order_by(owner.c.id))
    return [Owner(*row) for row in rows]


def grant(conn: Connection, owner_id: str, grantee: str, role: Role) -> Grant:
    """Let the principals of `grantee` act for the owner, in place of an earlier grant to them. Raises
    Problem(OWNER_UNKNOWN), PARAMETER_INVALID for a grant to oneself."""
    for wanted in (owner_id, grantee):
        if find(conn, wanted) is None:
            raise Problem(Kind.OWNER_UNKNOWN, f"there is no owner {wanted[:140]!r}")
    if owner_id == grantee:
        raise Problem(Kind.PARAMETER_INVALID, f"the owner {owner_id!r} needs no grant for itself")
    withdraw(conn, owner_id, grantee)
    conn.execute(insert(owner_grant).values(owner=owner_id, grantee=grantee, role=role, created_at_us=now_us()))
    return Grant(owner_id, grantee, role)


def granted(conn: Connection, owner_id: str, grantee: str) -> Role | None:
    """The role that the principals of `grantee` have for the owner."""
    role = conn.execute(
        select(owner_grant.c.role).where(owner_grant.c.owner == owner_id, owner_grant.c.grantee == grantee)
    ).scalar_one_or_none()
    return Role(role) if role else None


def grants_of(conn: Connection, owner_id: str) -> list[Grant]:
    """What the owner has granted, by grantee."""
    rows = conn.execute(
        select(owner_grant.c.grantee, owner_grant.c.role)
        .where(owner_grant.c.owner == owner_id)
        .order_by(owner_grant.c.grantee)
    )
    return [Grant(owner_id, grantee, Role(role)) for grantee, role in rows]


def withdraw(conn: Connection, owner_id: str, grantee: str) -> bool:
    """Take a grant back; False when there was none."""
    gone = conn.execute(delete(owner_grant).where(owner_grant.c.owner == owner_id, owner_grant.c.grantee == grantee))
    return gone.rowcount > 0


def grants_to(conn: Connection, grantee: str) -> list[Grant]:
    """What others have granted to the principals of `grantee`, by owner."""
    rows = conn.execute(
        select(owner_grant.c.owner, owner_grant.c.role)
        .where(owner_grant.c.grantee == grantee)
        .order_by(owner_grant.c.owner)
    )
    return [Grant(owner_id, grantee, Role(role)) for owner_id, role in rows]
