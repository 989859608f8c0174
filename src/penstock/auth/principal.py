"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.model.access import Role


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who proved who they are. `name` is the access key, as logs and the audit trail show it; `owner` is whom
    they act for, `role` what they may do there; `home` is the owner that they belong to."""

    name: str
    owner: str
    role: Role
    home: str
