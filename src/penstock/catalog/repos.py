"""Repos: the message queues' definitions."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from penstock.catalog.clock import now_us
from penstock.catalog.counters import Counter, advance
from penstock.catalog.tables import dropped_queue, export, repo
from penstock.model.errors import Kind, Problem
from penstock.model.limits import Limits
from penstock.model.repo import QueueId, Repo

MISSING = "The specified repo does not exist under the provided appid"
"""The vendor's own words; clients show them."""


def create(conn: Connection, draft: Repo, at_most: int = Limits().repos_per_owner) -> Repo:
    """Store `draft` under a new incarnation, created now; raises Problem(REPO_EXISTS), or REPO_QUOTA when the owner has
    `at_most` repos already."""
    if find(conn, draft.owner, draft.name) is not None:
        raise Problem(Kind.REPO_EXISTS, f"the repo {draft.name!r} exists already")
    have = conn.execute(sa.select(sa.func.count()).select_from(repo).where(repo.c.owner == draft.owner)).scalar_one()
    if have >= at_most:
        raise Problem(Kind.REPO_QUOTA, f"the owner {draft.owner!r} has {have} repos; at most {at_most} are allowed")
    now = now_us()
    made = msgspec.structs.replace(
        draft, incarnation=advance(conn, Counter.INCARNATION), created_at_us=now, updated_at_us=now
    )
    conn.execute(
        sa.insert(repo).values(incarnation=made.incarnation, owner=made.owner, name=made.name, definition=made)
    )
    return made


def find(conn: Connection, owner: str, name: str) -> Repo | None:
    found: Repo | None = conn.execute(
        sa.select(repo.c.definition).where(repo.c.owner == owner, repo.c.name == name)
    ).scalar_one_or_none()
    return found


def get(conn: Connection, owner: str, name: str) -> Repo:
    """Raises Problem(REPO_MISSING)."""
    found = find(conn, owner, name)
    if found is None:
        raise Problem(Kind.REPO_MISSING, MISSING)
    return found


def list_of(conn: Connection, owner: str) -> list[Repo]:
    """The owner's repos by name."""
    return list(conn.execute(sa.select(repo.c.definition).where(repo.c.owner == owner).order_by(repo.c.name)).scalars())


def list_all(conn: Connection) -> list[Repo]:
    """Every owner's repos, oldest first."""
    return list(conn.execute(sa.select(repo.c.definition).order_by(repo.c.incarnation)).scalars())


def update(conn: Connection, owner: str, name: str, change: Callable[[Repo], Repo]) -> Repo:
    """Replace the repo by `change(repo)`, read and written in this one transaction. What names the repo stays as it is.
    Raises Problem(REPO_MISSING) and whatever `change` raises."""
    old = get(conn, owner, name)
    new = msgspec.structs.replace(change(old), created_at_us=old.created_at_us, updated_at_us=now_us())
    assert new.queue == old.queue, "an update may not rename a repo"
    conn.execute(sa.update(repo).where(repo.c.incarnation == old.incarnation).values(definition=new))
    return new


def delete(conn: Connection, owner: str, name: str) -> QueueId:
    """Delete the definition; its log is then `dropped` until somebody has removed it. Raises Problem: REPO_MISSING,
    REPO_DERIVED for a transform's target, REPO_IN_USE while it has exports."""
    old = get(conn, owner, name)
    if old.derived_from:
        raise Problem(
            Kind.REPO_DERIVED,
            f"the repo {name!r} is the target of the transform {old.derived_from!r}: delete the transform instead",
        )
    exports = conn.execute(
        sa.select(export.c.name).where(export.c.incarnation == old.incarnation).order_by(export.c.name).limit(5)
    ).scalars()
    names = ", ".join(exports)
    if names:
        raise Problem(Kind.REPO_IN_USE, f"the repo {name!r} has exports: delete them first ({names})")
    conn.execute(sa.delete(repo).where(repo.c.incarnation == old.incarnation))
    conn.execute(
        sa.insert(dropped_queue).values(incarnation=old.incarnation, owner=owner, repo=name, dropped_at_us=now_us())
    )
    return old.queue


def dropped(conn: Connection) -> list[QueueId]:
    """The queues of deleted repos whose logs are still to be removed, longest waiting first."""
    rows = conn.execute(
        sa.select(dropped_queue.c.owner, dropped_queue.c.repo, dropped_queue.c.incarnation).order_by(
            dropped_queue.c.dropped_at_us, dropped_queue.c.incarnation
        )
    )
    return [QueueId(*row) for row in rows]


def forget_dropped(conn: Connection, queue: QueueId) -> None:
    """The log of `queue` is gone."""
    conn.execute(sa.delete(dropped_queue).where(dropped_queue.c.incarnation == queue.incarnation))
