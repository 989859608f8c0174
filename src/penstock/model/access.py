"""Who may do what: the roles, from the least to the most."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a principal may do for its owner. Each role may all that the one before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    def covers(self, needed: Role) -> bool:
        """True when this role may do what `needed` may."""
        return self.rank >= needed.rank


_RANKS = {role: rank for rank, role in enumerate(Role)}
