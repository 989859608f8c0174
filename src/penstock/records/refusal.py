"""How a body is refused: the fast path only says that something is wrong, the slow path says what and where."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.model.errors import BadRecord, BadRecords, Kind

SHOWN_CHARS = 60
"""Longest value shown in a refusal."""


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
            self._records.append(BadRecord(index, fault.field, shorten(fault.value), fault.reason, fault.kind))

    def raise_any(self) -> None:
        """Raises `BadRecords` when there was a fault."""
        if self._records:
            raise BadRecords(self._records, self._total)


def shorten(value: str) -> str:
    """The value, or its beginning and an ellipsis, in at most `SHOWN_CHARS` characters. What UTF-8 cannot carry (lone
    surrogates) is shown escaped."""
    shown = value if len(value) <= SHOWN_CHARS else value[: SHOWN_CHARS - 1] + "…"
    return shown.encode("utf-8", "backslashreplace").decode()
