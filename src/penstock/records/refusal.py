"""How a body is refused: the fast path only says that something is wrong, the slow path says what and where."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.model.errors import BadRecord, BadRecords, Kind

SHOWN_CHARS = 60
"""Longest value shown in a refusal."""
KEY_CHARS = 128
"""Longest key shown in a refusal: as long as a legal one."""
FIELD_CHARS = 200
"""Longest field shown: any legal name, but not the megabyte that a client may take for one."""
REASON_CHARS = 400
"""Longest reason shown; some quote the field."""


class Refused(Exception):
    """The fast path met something it does not accept. Which record, and why, is for the slow path to find."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one value: the path of its field (`m.x`, `a[1]`), the value, and why it is refused."""

    field: str
    value: str
    reason: str
    kind: Kind = Kind.VALUE_INVALID


class Refusals:
    """The faults of one body: all counted, the first ones kept."""

    def __init__(self) -> None:
        self._records: list[BadRecord] = []
        self._total = 0

    def add(self, index: int, fault: Fault) -> None:
        """One refused record; call once a record."""
        self._total += 1
        if len(self._records) < BadRecords.SHOWN:
            field, reason = shorten(fault.field, FIELD_CHARS), shorten(fault.reason, REASON_CHARS)
            self._records.append(BadRecord(index, field, shorten(fault.value), reason, fault.kind))

    def raise_any(self) -> None:
        """Raises `BadRecords` when there was a fault."""
        if self._records:
            raise BadRecords(self._records, self._total)


def shorten(value: str, limit: int = SHOWN_CHARS) -> str:
    """The value, or its beginning and an ellipsis, in at most `limit` characters. What UTF-8 cannot carry (lone
    surrogates) is shown escaped."""
    shown = value if len(value) <= limit else value[: limit - 1] + "…"
    return shown.encode("utf-8", "backslashreplace").decode()


def unknown_field(prefix: str, key: str, value: str) -> Fault:
    """The fault of a key that the schema does not have, in the words that clients look for."""
    path = prefix + shorten(key, KEY_CHARS)
    return Fault(path, value, f"no such field key {path}", Kind.FIELD_UNKNOWN)
