"""Who may do what: the one table, and the one function that every route passes."""

from __future__ import annotations

from enum import StrEnum

from penstock.auth.principal import Principal
from penstock.model.access import Role
from penstock.model.errors import Kind, Problem


class Action(StrEnum):
    """What a principal does to the things of an owner."""

    REPO_READ = "repo.read"
    REPO_WRITE = "repo.write"
    DATA_POST = "data.post"
    DATA_READ = "data.read"
    EXPORT_READ = "export.read"
    EXPORT_WRITE = "export.write"
    FLOW_CONTROL = "flow.control"
    METRICS_READ = "metrics.read"
    AUDIT_READ = "audit.read"
    KEY_MANAGE = "key.manage"
    GRANT_MANAGE = "grant.manage"


NEEDED: dict[Action, Role] = {
    Action.REPO_READ: Role.VIEWER,
    Action.DATA_READ: Role.VIEWER,
    Action.EXPORT_READ: Role.VIEWER,
    Action.METRICS_READ: Role.VIEWER,
    Action.REPO_WRITE: Role.EDITOR,
    Action.DATA_POST: Role.EDITOR,
    Action.EXPORT_WRITE: Role.EDITOR,
    Action.FLOW_CONTROL: Role.EDITOR,
    Action.AUDIT_READ: Role.ADMIN,
    Action.KEY_MANAGE: Role.ADMIN,
    Action.GRANT_MANAGE: Role.ADMIN,
}
"""The least role for each action; a test holds that none is missing."""


def authorize(principal: Principal, action: Action, owner: str) -> None:
    """Raises Problem(ACCESS_DENIED), saying what would do, unless the principal may do this to the owner's things."""
    if principal.owner != owner:
        raise Problem(
            Kind.ACCESS_DENIED, f"{principal.name} acts for the owner {principal.owner!r}, not for {owner[:140]!r}"
        )
    needed = NEEDED[action]
    if not principal.role.covers(needed):
        raise Problem(
            Kind.ACCESS_DENIED,
            f"{principal.name} is {principal.role} of {owner!r}; {action} needs the role {needed}",
        )
