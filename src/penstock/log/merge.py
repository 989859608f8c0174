"""Reading a queue whose partitions hold frames: shared by the segment log and the one in memory."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Protocol

import pyarrow as pa

from penstock.log.interface import Chunk, PositionOutOfRange
from penstock.model.flow import Positions
from penstock.model.repo import QueueId
from penstock.records.conform import conform


class FrameView(Protocol):
    """Records [offset, end) of a partition, stored together in `size` bytes."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def arrived_at_us(self) -> int: ...
    def load(self) -> pa.RecordBatch: ...


class PartitionView(Protocol):
    """A partition as it was when the reader last looked."""

    def start(self) -> int: ...
    def end(self) -> int: ...
    def frames(self, first: int, stop: int) -> Iterator[FrameView]:
        """The frames that hold [first, stop), in order; bodies unread."""


class MergingReader(ABC):
    """LogReader over partitions. The merge order depends on the stored frames alone: a range reads the same again."""

    def __init__(self, queue: QueueId) -> None:
        self.queue = queue

    @abstractmethod
    def _look(self) -> Mapping[int, PartitionView]:
        """The partitions as they are now."""

    def starts(self) -> Positions:
        return {n: p.start() for n, p in self._look().items()}

    def ends(self) -> Positions:
        return {n: p.end() for n, p in self._look().items()}

    def read(self, start: Mapping[int, int], stop: Mapping[int, int], schema: pa.Schema) -> Iterator[Chunk]:
        """See LogReader; positions are checked before this returns."""
        spans, frames = self._merged(start, stop)
        return self._chunks(spans, frames, schema)

    def cut(self, start: Mapping[int, int], stop: Mapping[int, int], max_bytes: int) -> Positions:
        spans, frames = self._merged(start, stop)
        positions = dict(start) | {n: first for n, (first, _) in spans.items()}
        total = 0
        for frame in frames:
            if total and total + frame.size > max_bytes:
                break
            total += frame.size
            positions[frame.partition] = min(frame.end, spans[frame.partition][1])
        return positions

    def stored_bytes(self, start: Mapping[int, int], stop: Mapping[int, int]) -> int:
        _, frames = self._merged(start, stop)
        return sum(f.size for f in frames)

    def arrived_at_us(self, position: Mapping[int, int]) -> int | None:
        ends = self.ends()
        _, frames = self._merged(position, ends)
        frame = next(frames, None)
        return None if frame is None else frame.arrived_at_us

    def newest(self, count: int, schema: pa.Schema) -> pa.RecordBatch:
        found = []
        for view in self._look().values():
            first = max(view.start(), view.end() - count)
            for frame in view.frames(first, view.end()):
                skip = max(0, first - frame.offset)
                found.append((frame, skip))
        found.sort(key=lambda f: (f[0].arrived_at_us, f[0].partition, f[0].offset))
        batches: list[pa.RecordBatch] = []
        left = count
        for frame, skip in reversed(found):
            if left <= 0:
                break
            batch = conform(frame.load(), schema).slice(skip)
            batch = batch.slice(max(0, batch.num_rows - left))
            left -= batch.num_rows
            batches.append(batch)
        table = pa.Table.from_batches(batches[::-1], schema).combine_chunks()
        newest_first = table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64()))
        return pa.concat_batches(newest_first.to_batches() or [pa.RecordBatch.from_pylist([], schema)])

    def _merged(
        self, start: Mapping[int, int], stop: Mapping[int, int]
    ) -> tuple[dict[int, tuple[int, int]], Iterator[FrameView]]:
        """The span of each partition to read, and its frames in merge order. Raises PositionOutOfRange."""
        views = self._look()
        for number, offset in start.items():
            view = views.get(number)
            first, end = (view.start(), view.end()) if view is not None else (0, 0)
            if not first <= offset <= end:
                raise PositionOutOfRange(self.queue, number, offset, first, end)
        spans = {}
        for number, offset in stop.items():
            view = views.get(number)
            end = view.end() if view is not None else 0
            first = start.get(number, view.start() if view is not None else 0)
            if not first <= offset <= end:
                raise PositionOutOfRange(self.queue, number, offset, first, end)
            if view is not None:
                spans[number] = (first, offset)
        streams = [views[n].frames(first, last) for n, (first, last) in sorted(spans.items())]
        return spans, heapq.merge(*streams, key=lambda f: (f.arrived_at_us, f.partition))

    def _chunks(
        self, spans: Mapping[int, tuple[int, int]], frames: Iterator[FrameView], schema: pa.Schema
    ) -> Iterator[Chunk]:
        for frame in frames:
            first, last = spans[frame.partition]
            low, high = max(first, frame.offset), min(last, frame.end)
            batch = conform(frame.load(), schema)
            if high - low < batch.num_rows:
                batch = batch.slice(low - frame.offset, high - low)
            yield Chunk(frame.partition, low, batch, frame.arrived_at_us)
