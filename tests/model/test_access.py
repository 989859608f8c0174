"""Roles: each may all that the one before it may."""

from __future__ import annotations

from penstock.model.access import Role


def test_roles_are_in_order() -> None:
    order = [Role.VIEWER, Role.EDITOR, Role.ADMIN]
    assert list(Role) == order
    for i, role in enumerate(order):
        assert [role.covers(other) for other in order] == [j <= i for j in range(3)]
