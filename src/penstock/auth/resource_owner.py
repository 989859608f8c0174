"""The `X-Resource-Owner` header: to act on the things of another owner (wire notes 1.3)."""

from __future__ import annotations

from dataclasses import replace

from penstock.auth.principal import Principal
from penstock.catalog import owners
from penstock.catalog.database import Catalog
from penstock.model.errors import Kind, Problem


def resolve(catalog: Catalog, principal: Principal, header: str | None) -> Principal:
    """The principal as it acts under this header: as it is when the header is absent, empty or names its own owner;
    else for the owner named, with the lower of its own role and the granted one. Raises Problem: OWNER_UNKNOWN, and
    ACCESS_DENIED for an owner that has granted nothing."""
    wanted = (header or "").strip()
    if wanted in ("", principal.owner):
        return principal
    owner, granted = catalog.read(
        lambda conn: (owners.find(conn, wanted), owners.granted(conn, wanted, principal.home))
    )
    if owner is None:
        raise Problem(Kind.OWNER_UNKNOWN, f"there is no owner {wanted[:140]!r}")
    if granted is None:
        raise Problem(
            Kind.ACCESS_DENIED,
            f"{principal.name} belongs to {principal.home!r}, to whom the owner {wanted!r} has granted nothing",
        )
    return replace(principal, owner=wanted, role=min(principal.role, granted, key=lambda role: role.rank))
