"""The mark in an exported file's name: which flow wrote it, and as which of its files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_MARK = re.compile(r"(?:^|[/_])(\d+)-([0-9a-f]+)-(\d{6,})\.[a-z.]+\Z")


@dataclass(frozen=True, slots=True)
class FlowMark:
    """A flow as names tell it. The second of its creation (UTC, unix time) keeps files of another data directory that
    writes to the same bucket apart."""

    flow: int
    created_s: int

    @classmethod
    def of(cls, flow: int, created_at_us: int) -> Self:
        return cls(flow, created_at_us // 1_000_000)

    def name(self, sequence: int) -> str:
        """`<flow>-<creation second, hex>-<sequence>`."""
        return f"{self.flow}-{self.created_s:x}-{sequence:06d}"


def read_mark(name: str) -> tuple[FlowMark, int] | None:
    """The flow and the sequence in a file's name; None when no flow gave it."""
    found = _MARK.search(name)
    return None if found is None else (FlowMark(int(found[1]), int(found[2], 16)), int(found[3]))
