"""Who may do what."""

from __future__ import annotations

import pytest

from penstock.auth.authorize import NEEDED, Action, authorize
from penstock.auth.principal import Principal
from penstock.model.access import Role
from penstock.model.errors import Kind, Problem

READS = {Action.REPO_READ, Action.DATA_READ, Action.EXPORT_READ, Action.METRICS_READ}
WRITES = {Action.REPO_WRITE, Action.DATA_POST, Action.EXPORT_WRITE, Action.FLOW_CONTROL}
RULES = {Action.AUDIT_READ, Action.KEY_MANAGE, Action.GRANT_MANAGE}
ALLOWED = {Role.VIEWER: READS, Role.EDITOR: READS | WRITES, Role.ADMIN: READS | WRITES | RULES}


def test_every_action_has_its_role() -> None:
    assert set(NEEDED) == set(Action) == ALLOWED[Role.ADMIN]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", Action)
def test_each_role_may_what_it_may(role: Role, action: Action) -> None:
    principal = Principal("ak", "o", role, "o")
    if action in ALLOWED[role]:
        authorize(principal, action, "o")
    else:
        with pytest.raises(Problem) as caught:
            authorize(principal, action, "o")
        assert caught.value.kind is Kind.ACCESS_DENIED
        assert caught.value.message == f"ak is {role} of 'o'; {action} needs the role {NEEDED[action]}"


@pytest.mark.parametrize("action", Action)
def test_nobody_touches_what_is_anothers(action: Action) -> None:
    with pytest.raises(Problem, match="ak acts for the owner 'o', not for 'other'") as caught:
        authorize(Principal("ak", "o", Role.ADMIN, "o"), action, "other")
    assert caught.value.kind is Kind.ACCESS_DENIED
