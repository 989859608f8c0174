"""Access keys as stored: the secret is sealed by whoever calls (auth), never seen here."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, RowMapping, func, insert, select, update

from penstock.catalog.clock import now_us
from penstock.catalog.tables import access_key
from penstock.model.access import Role
from penstock.model.errors import Kind, Problem


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key pair of an owner. A revoked one stays, so that its access key is never given out again."""

    access_key: str
    owner: str
    sealed_secret: bytes
    role: Role
    label: str = ""
    created_at_us: int = 0
    revoked_at_us: int | None = None


def create(conn: Connection, draft: StoredKey) -> StoredKey:
    """Store the key, created now; its owner must exist. Raises Problem(PARAMETER_INVALID) when there is, or was, one of
    that access key."""
    if find(conn, draft.access_key) is not None:
        raise Problem(Kind.PARAMETER_INVALID, f"the access key {draft.access_key!r} exists already")
    made = msgspec.structs.replace(draft, created_at_us=now_us(), revoked_at_us=None)
    conn.execute(insert(access_key).values(msgspec.structs.asdict(made)))
    return made


def find(conn: Connection, key: str) -> StoredKey | None:
    """The key, revoked or not."""
    row = conn.execute(select(access_key).where(access_key.c.access_key == key)).mappings().one_or_none()
    return _stored(row) if row else None


def get(conn: Connection, key: str) -> StoredKey:
    """As `find`, but raises Problem(PARAMETER_INVALID)."""
    found = find(conn, key)
    if found is None:
        raise Problem(Kind.PARAMETER_INVALID, f"there is no access key {key[:140]!r}")
    return found


def list_all(conn: Connection, owner: str | None = None) -> list[StoredKey]:
    """The keys of one owner, or of all, oldest first, revoked ones too."""
    query = select(access_key).order_by(access_key.c.created_at_us, access_key.c.access_key)
    if owner is not None:
        query = query.where(access_key.c.owner == owner)
    return [_stored(row) for row in conn.execute(query).mappings()]


def newest(conn: Connection) -> StoredKey | None:
    """The key that was made last."""
    query = select(access_key).order_by(access_key.c.created_at_us.desc()).limit(1)
    row = conn.execute(query).mappings().one_or_none()
    return _stored(row) if row else None


def has_admin(conn: Connection, owner: str) -> bool:
    """Whether the owner has an admin key that is not revoked."""
    query = (
        select(func.count())
        .select_from(access_key)
        .where(access_key.c.owner == owner, access_key.c.role == Role.ADMIN, access_key.c.revoked_at_us.is_(None))
    )
    return bool(conn.execute(query).scalar_one())


def revoke(conn: Connection, key: str) -> StoredKey:
    """Revoke it; the first time stands. Raises Problem(PARAMETER_INVALID) when there is none."""
    found = get(conn, key)
    if found.revoked_at_us is not None:
        return found
    now = now_us()
    conn.execute(update(access_key).where(access_key.c.access_key == key).values(revoked_at_us=now))
    return msgspec.structs.replace(found, revoked_at_us=now)


def _stored(row: RowMapping) -> StoredKey:
    return StoredKey(**{**row, "role": Role(row["role"])})
