"""How large a batch may grow: a small body of tiny records under a wide schema would fill the memory with nulls."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.model.errors import Kind, Problem
from penstock.model.schema import Field

MAX_CELLS = 1 << 25
"""Records times fields (nested ones counted) of one batch; 256 MiB of 64-bit values."""


def width(fields: Sequence[Field]) -> int:
    """Fields of one record, nested ones counted."""
    return sum(1 + width(field.schema) for field in fields)


def require_room(records: int, fields: int) -> None:
    """Raises `Problem` BODY_TOO_LARGE when so many records of so many fields are too much for one batch."""
    if records * fields > MAX_CELLS:
        raise Problem(
            Kind.BODY_TOO_LARGE,
            f"{records} records of {fields} fields are over {MAX_CELLS} values: send fewer records per request",
        )
