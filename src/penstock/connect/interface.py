"""The sinks' interface: what an outside system must offer to be the target of an export.

A `SinkType` is what a kind of target declares; a `Sink` is one opened for one export. A sink has no loop of its own:
the flow decides when to cut, repeats what failed, and keeps the position.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from penstock.connect.buckets import Buckets
from penstock.connect.sink_field import SinkField
from penstock.model.limits import Limits
from penstock.model.repo import Repo
from penstock.model.schema import Schema

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection


class Delivery(StrEnum):
    """What a sink promises for each record, crashes included."""

    EXACTLY_ONCE = "exactly once"
    AT_LEAST_ONCE = "at least once"


@dataclass(frozen=True, slots=True)
class CutPolicy:
    """When a flow stops gathering and writes. A file is cut at about `max_bytes` of output; with `by_size` as soon as
    so much waits, and with `interval_s` when the oldest waiting record is that old."""

    max_bytes: int
    by_size: bool
    interval_s: float | None


@dataclass(frozen=True, slots=True)
class Cut:
    """What makes one write unlike any other: the flow's id, when it was created, the sequence of the write in the flow,
    and the time of the cut. Times are UTC microseconds."""

    flow: int
    created_at_us: int
    sequence: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Written:
    """What one write carried out: records, and bytes as they lie at the target. `expires_at_us` is when the flow is to
    remove it (None: never)."""

    records: int
    size: int
    expires_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What the deployment lends to sinks. `owner` is the export's."""

    owner: str
    buckets: Buckets
    timezone: tzinfo


class Sink(Protocol):
    """One export's open target. Used by one thread at a time."""

    @property
    def policy(self) -> CutPolicy: ...

    @property
    def source(self) -> pa.Schema:
        """The fields to read from the repo, in the order in which `write` wants them."""

    def target(self, cut: Cut) -> str:
        """The name of what the cut writes (a key, a batch id): never the same for two cuts."""

    def measure(self, batches: Iterator[pa.RecordBatch]) -> int:
        """The bytes that these batches of `source` would take at the target."""

    def write(self, target: str, batches: Iterator[pa.RecordBatch], at_us: int) -> Written:
        """Carry the batches out under that name; durable when it returns, nothing to be seen when it raises. A repeat
        with the same arguments replaces what the first one wrote. Raises OSError when the target is out of order."""

    def close(self) -> None: ...


class SinkType(Protocol):
    """A kind of target. `fields` is the only source of its validation and its documentation."""

    @property
    def name(self) -> str: ...

    @property
    def fields(self) -> tuple[SinkField, ...]: ...

    @property
    def delivery(self) -> Delivery: ...

    def parse_spec(
        self, raw: Mapping[str, Any], repo: Repo, limits: Limits, *, stored: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A client's spec checked, with its defaults filled in; unknown keys are left out. `stored` is the spec that an
        update replaces, whose secrets stay where the mask was sent back. Raises Problem naming the key."""

    def claim_target(self, spec: Mapping[str, Any], context: SinkContext, catalog: Connection) -> None:
        """Within the transaction that stores the export: note that the owner uses the target, if targets belong to
        owners. Raises Problem when the owner may not."""

    def open(self, spec: Mapping[str, Any], schema: Schema, context: SinkContext) -> Sink:
        """A sink for a checked spec over a repo's schema. Makes nothing yet. Raises Problem, OSError."""

    def remove(self, target: str, spec: Mapping[str, Any], context: SinkContext) -> None:
        """Delete what a sink of that spec wrote under that name; it may be gone already. Raises Problem, OSError."""
