"""One partition of the segment log, for reading: which segments there are, where offsets lie in them."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from penstock.log import index as index_file
from penstock.log import watermark
from penstock.log.frame import BadFrame, FrameHeader, batch_of
from penstock.log.index import SparseIndex
from penstock.log.interface import CorruptLog, PositionOutOfRange
from penstock.log.layout import index_path, segment_bases, segment_path
from penstock.log.segment import SegmentFile
from penstock.log.watermark import Watermark
from penstock.model.repo import QueueId

OPEN_SEGMENTS = 2


@dataclass(slots=True)
class _OpenSegment:
    file: SegmentFile
    index: SparseIndex


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame whose header was read: its records are [offset, end)."""

    partition: int
    header: FrameHeader
    file: SegmentFile
    position: int
    limit: int

    @property
    def offset(self) -> int:
        return self.header.base_offset

    @property
    def end(self) -> int:
        return self.header.end_offset

    @property
    def size(self) -> int:
        return self.header.size

    @property
    def arrived_at_us(self) -> int:
        return self.header.first_arrived_us

    def load(self) -> pa.RecordBatch:
        """The records, their CRC checked. Raises CorruptLog."""
        try:
            rest = self.file.rest(self.position, self.header, self.limit)
            return batch_of(self.header, rest, self.file.head.arrow_schema())
        except BadFrame as bad:
            raise CorruptLog(str(self.file.path), self.position, self.position + self.size, str(bad)) from bad


class SegmentPartition:
    """Not thread-safe. `refresh()` looks at the disk; everything else speaks of what it saw."""

    def __init__(self, queue: QueueId, folder: Path, number: int) -> None:
        self.number = number
        self._queue = queue
        self._folder = folder
        self._mark = Watermark(0, 0, 0, 0)
        self._bases: list[int] = []
        self._open: OrderedDict[int, _OpenSegment] = OrderedDict()

    def refresh(self) -> bool:
        """See what was published and dropped since; False when nothing was ever published here. Raises CorruptLog."""
        mark = watermark.read(self._folder)
        if mark is None:
            return False
        # the list after the mark: every segment up to the mark's was named before the mark was published
        self._bases = [b for b in segment_bases(self._folder) if b <= mark.segment]
        self._mark = mark
        return True

    def start(self) -> int:
        return self._bases[0] if self._bases else self._mark.next_offset

    def end(self) -> int:
        return self._mark.next_offset

    def frames(self, first: int, stop: int) -> Iterator[StoredFrame]:
        """The frames that hold [first, stop), by their headers. Raises CorruptLog."""
        offset = first
        while offset < stop:
            at = bisect_right(self._bases, offset) - 1
            end = self._bases[at + 1] if at + 1 < len(self._bases) else self._mark.next_offset
            if at < 0 or end <= offset:
                raise CorruptLog(str(segment_path(self._folder, offset)), 0, 0, "the segment is missing")
            base = self._bases[at]
            yield from self._segment_frames(base, offset, min(stop, end))
            offset = end

    def _segment_frames(self, base: int, first: int, stop: int) -> Iterator[StoredFrame]:
        segment = self._segment(base)
        file, index = segment.file, segment.index
        limit = self._mark.position if base == self._mark.segment and not file.head.compressed else file.size()
        offset, position = index.before(first)
        while offset < stop:
            try:
                header = file.header(position, limit)
                if (header.base_offset, header.schema_id) != (offset, file.head.schema_id):
                    raise BadFrame("the frame does not follow the one before it")
            except BadFrame as bad:
                last = max(position, file.next_magic(position + 1, limit))
                raise CorruptLog(str(file.path), position, last, str(bad)) from bad
            index.add(header, position)
            if header.end_offset > first:
                yield StoredFrame(self.number, header, file, position, limit)
            offset, position = header.end_offset, position + header.size

    def _segment(self, base: int) -> _OpenSegment:
        found = self._open.get(base)
        if found is None:
            path = segment_path(self._folder, base)
            try:
                file = SegmentFile(path)
            except FileNotFoundError:
                raise self._gone(base) from None
            except BadFrame as bad:
                raise CorruptLog(str(path), 0, 0, str(bad)) from bad
            kept = None
            if base != self._mark.segment:
                kept = index_file.load(file, index_path(self._folder, base))
            found = self._open[base] = _OpenSegment(file, kept or SparseIndex(base, file.first_frame))
            if len(self._open) > OPEN_SEGMENTS:
                self._open.popitem(last=False)  # closes when the last frame that refers to it is gone
        self._open.move_to_end(base)
        return found

    def _gone(self, base: int) -> Exception:
        """The error for a segment that was there a moment ago: dropped by retention, or with its queue, or lost."""
        bases = segment_bases(self._folder)
        if self._folder.is_dir() and not (bases and bases[0] > base):
            return CorruptLog(str(segment_path(self._folder, base)), 0, 0, "the segment is missing")
        start, end = (bases[0], self._mark.next_offset) if bases else (0, 0)
        return PositionOutOfRange(self._queue, self.number, base, start, end)

    def close(self) -> None:
        for segment in self._open.values():
            segment.file.close()
        self._open.clear()
