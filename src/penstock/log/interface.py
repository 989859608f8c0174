"""The message queues' interface: what a log must do, whichever store is under it (segments here, Kafka later).

Positions are `{partition: offset of the next record}`. Order holds within a partition; a read over several merges them
by arrival time. Readers see only what is durable: `ends()` is the published watermark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from penstock.model.flow import Positions
from penstock.model.repo import QueueId

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a batch went. `repeated` is true when its batch id had been stored before and nothing was written."""

    partition: int
    offset: int
    count: int
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of records of one partition as read back: `offset` is the first record's, `arrived_at_us` when its frame's
    first post arrived (UTC microseconds)."""

    partition: int
    offset: int
    batch: pa.RecordBatch
    arrived_at_us: int


class PositionOutOfRange(Exception):
    """A position before the oldest retained record or beyond the durable end."""

    def __init__(self, queue: QueueId, partition: int, offset: int, start: int, end: int) -> None:
        super().__init__(f"{queue} partition {partition}: offset {offset} is not within [{start}, {end}]")
        self.queue, self.partition, self.offset, self.start, self.end = queue, partition, offset, start, end


class CorruptLog(Exception):
    """A bad frame outside the active tail: names the file and the range that cannot be read."""

    def __init__(self, path: str, first: int, last: int, reason: str) -> None:
        super().__init__(
            f"{path}: bytes {first}-{last} are damaged: {reason}; restore from a backup or `penstock doctor`"
        )
        self.path, self.first, self.last, self.reason = path, first, last, reason


class QueueClosed(Exception):
    """The queue's incarnation was dropped while an append was under way."""


class LogReader(Protocol):
    """One queue, for reading. Cheap to make and to keep; safe to use from one thread at a time."""

    def starts(self) -> Positions:
        """Oldest retained offset per partition."""

    def ends(self) -> Positions:
        """Durable watermark per partition."""

    def read(self, start: Mapping[int, int], stop: Mapping[int, int], schema: pa.Schema) -> Iterator[Chunk]:
        """Every record in [start, stop), partitions merged by arrival time, batches brought to `schema` (fields added
        since are null). A partition missing from `start` is read from its oldest offset; one missing from `stop` is not
        read. Raises PositionOutOfRange, CorruptLog."""

    def cut(self, start: Mapping[int, int], stop: Mapping[int, int], max_bytes: int) -> Positions:
        """The furthest positions <= stop such that [start, positions) holds about `max_bytes` of stored
        bytes; partitions advance in merge order, whole frames, at least one if there is one."""

    def stored_bytes(self, start: Mapping[int, int], stop: Mapping[int, int]) -> int:
        """About how many stored bytes lie in [start, stop); reads no bodies."""

    def arrived_at_us(self, position: Mapping[int, int]) -> int | None:
        """Arrival time of the oldest record at or after `position`; None when nothing is there."""

    def newest(self, count: int, schema: pa.Schema) -> pa.RecordBatch:
        """Up to `count` of the newest records, newest first."""

    def close(self) -> None: ...


class LogWriter(Protocol):
    """One process's writer: owns one partition of every queue."""

    def append(
        self,
        queue: QueueId,
        batch: pa.RecordBatch,
        *,
        arrived_at_us: int,
        batch_id: str | None = None,
        request_id: str = "",
    ) -> Future[Appended]:
        """Queue a batch; the future resolves after it is durable and visible to readers. Many appends share one sync.
        Fails with QueueClosed, or OSError when the disk refuses (nothing of the batch is then visible)."""

    def close(self) -> None:
        """Flush what is queued, then let go of the partition."""
