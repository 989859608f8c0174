"""Limits with their defaults (DESIGN: limits have numbers). Each is a setting of the same name under `limits`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Every number that a user can run into."""

    body_bytes: Count = 2 * 1024 * 1024
    """Largest data body, uncompressed, in bytes (E18005)."""
    definition_bytes: Count = 1024 * 1024
    """Largest body of any other call, in bytes."""
    schema_fields: Count = 500
    """Fields of a repo, nested ones counted (E18134)."""
    map_depth: Count = 5
    """Levels of maps in a schema."""
    repos_per_owner: Count = 10_000
    """Repos an owner may have (E18108)."""
    description_chars: Count = 1500
    """Longest description of a repo or a field."""
    sample_records: Count = 10
    """Most records that one sample call returns."""
    rules_per_repo: Count = 5
    """Parse rules bound to a repo."""
    rotate_size_bytes: Count = 1024 * 1024 * 1024
    """Largest `rotateSize` of a file export (E18331)."""
