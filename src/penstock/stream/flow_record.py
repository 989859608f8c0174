"""What must be known about a flow after a crash: where it stands, and which write is under way."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.model.flow import Export, Positions
from penstock.model.schema import Schema


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a range is written: fixed at the cut, so that a repeat writes the same, whatever was changed since. Secrets
    are not part of it; a repeat takes the present ones."""

    type: str
    spec: dict[str, Any]
    schema: Schema


class PendingCut(msgspec.Struct, frozen=True, kw_only=True):
    """A range that is to be written under `target`: records in [start, stop), both with every partition of the
    range."""

    start: Positions
    stop: Positions
    at_us: int
    target: str
    plan: Plan

    @property
    def records(self) -> int:
        return sum(self.stop[partition] - self.start[partition] for partition in self.stop)


class FlowRecord(msgspec.Struct, frozen=True, kw_only=True, tag="flow"):
    """One flow's state. `version` grows with each change, so that of two journals the later state can be told.
    `sequence` counts the writes; counters are totals since the flow was created; `output_ratio` is bytes at the target
    per stored byte, learned from what was written (0: nothing yet)."""

    flow: int
    version: int = 0
    sequence: int = 0
    position: Positions = {}
    cut: PendingCut | None = None
    records_out: int = 0
    records_omitted: int = 0
    bytes_out: int = 0
    last_write_at_us: int = 0
    output_ratio: float = 0.0

    @classmethod
    def new(cls, export: Export) -> FlowRecord:
        return cls(flow=export.id, position=export.start)

    def changed(self, **changes: Any) -> FlowRecord:
        """The next version."""
        return msgspec.structs.replace(self, version=self.version + 1, **changes)

    def estimated(self, output_ratio: float) -> FlowRecord:
        """The same version with another guess; what is only a guess needs no place on disk of its own."""
        return msgspec.structs.replace(self, output_ratio=output_ratio)


class Dropped(msgspec.Struct, frozen=True, tag="dropped"):
    """The flow was deleted."""

    flow: int
