"""Limits with their defaults (DESIGN: limits have numbers). Each is a setting of the same name under `limits`."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Every number that a user can run into."""

    body_bytes: int = 2 * 1024 * 1024
    """Largest data body, uncompressed, in bytes (E18005)."""
    definition_bytes: int = 1024 * 1024
    """Largest body of any other call, in bytes."""
    schema_fields: int = 500
    """Fields of a repo, nested ones counted (E18134)."""
    map_depth: int = 5
    """Levels of maps in a schema."""
    repos_per_owner: int = 10_000
    """Repos an owner may have (E18108)."""
    description_chars: int = 1500
    """Longest description of a repo or a field."""
    sample_records: int = 10
    """Most records that one sample call returns."""
    rules_per_repo: int = 5
    """Parse rules bound to a repo."""
    rotate_size_bytes: int = 1024 * 1024 * 1024
    """Largest `rotateSize` of a file export (E18331)."""
