"""Exports: the flows that carry a repo's records out."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, Select

from penstock.catalog import repos
from penstock.catalog.clock import now_us
from penstock.catalog.counters import Counter, advance
from penstock.catalog.tables import dropped_flow, export, repo
from penstock.model.errors import Kind, Problem
from penstock.model.flow import Export


def create(conn: Connection, draft: Export) -> Export:
    """Store `draft` under a new id, created now. Raises Problem: REPO_MISSING when that incarnation of the repo is
    gone, EXPORT_EXISTS."""
    source = repos.get(conn, draft.queue.owner, draft.queue.repo)
    if source.queue != draft.queue:
        raise Problem(Kind.REPO_MISSING, repos.MISSING)
    if find(conn, draft.queue.owner, draft.queue.repo, draft.name) is not None:
        raise Problem(Kind.EXPORT_EXISTS, f"the repo {draft.queue.repo!r} has an export {draft.name!r} already")
    now = now_us()
    made = msgspec.structs.replace(draft, id=advance(conn, Counter.FLOW), created_at_us=now, updated_at_us=now)
    conn.execute(
        sa.insert(export).values(id=made.id, incarnation=made.queue.incarnation, name=made.name, definition=made)
    )
    return made


def find(conn: Connection, owner: str, repo_name: str, name: str) -> Export | None:
    found: Export | None = conn.execute(_of_repo(owner, repo_name).where(export.c.name == name)).scalar_one_or_none()
    return found


def get(conn: Connection, owner: str, repo_name: str, name: str) -> Export:
    """Raises Problem: REPO_MISSING, EXPORT_MISSING."""
    found = find(conn, owner, repo_name, name)
    if found is None:
        repos.get(conn, owner, repo_name)
        raise Problem(Kind.EXPORT_MISSING, f"the repo {repo_name!r} has no export {name!r}")
    return found


def list_of(conn: Connection, owner: str, repo_name: str) -> list[Export]:
    """The repo's exports by name. Raises Problem(REPO_MISSING)."""
    repos.get(conn, owner, repo_name)
    return list(conn.execute(_of_repo(owner, repo_name).order_by(export.c.name)).scalars())


def list_all(conn: Connection) -> list[Export]:
    """Every export of every owner, oldest first: what the flow workers share out."""
    return list(conn.execute(sa.select(export.c.definition).order_by(export.c.id)).scalars())


def update(conn: Connection, owner: str, repo_name: str, name: str, change: Callable[[Export], Export]) -> Export:
    """Replace the export by `change(export)`, read and written in this one transaction. Id, name and source stay.
    Raises Problem: REPO_MISSING, EXPORT_MISSING, and whatever `change` raises."""
    old = get(conn, owner, repo_name, name)
    new = msgspec.structs.replace(change(old), created_at_us=old.created_at_us, updated_at_us=now_us())
    assert (new.id, new.name, new.queue) == (old.id, old.name, old.queue), "an update may not rename an export"
    conn.execute(sa.update(export).where(export.c.id == old.id).values(definition=new))
    return new


def set_paused(conn: Connection, owner: str, repo_name: str, name: str, paused: bool) -> Export:
    """Raises as `update`."""
    return update(conn, owner, repo_name, name, lambda old: msgspec.structs.replace(old, paused=paused))


def delete(conn: Connection, owner: str, repo_name: str, name: str) -> Export:
    """Delete it; its id is then `dropped` until a worker has removed its journal. Raises Problem: REPO_MISSING,
    EXPORT_MISSING."""
    old = get(conn, owner, repo_name, name)
    conn.execute(sa.delete(export).where(export.c.id == old.id))
    conn.execute(sa.insert(dropped_flow).values(id=old.id, dropped_at_us=now_us()))
    return old


def dropped(conn: Connection) -> list[int]:
    """The ids of deleted flows whose state (journals, ledgers, dead letters) is still to be removed."""
    return list(conn.execute(sa.select(dropped_flow.c.id).order_by(dropped_flow.c.id)).scalars())


def forget_dropped(conn: Connection, flow: int) -> None:
    """The state of that flow is gone."""
    conn.execute(sa.delete(dropped_flow).where(dropped_flow.c.id == flow))


def _of_repo(owner: str, repo_name: str) -> Select[Export]:
    return (
        sa.select(export.c.definition)
        .join(repo, repo.c.incarnation == export.c.incarnation)
        .where(repo.c.owner == owner, repo.c.name == repo_name)
    )
