"""Sealed segments: what compression, retention and the doctor work on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec

from penstock.log import index as index_file
from penstock.log import watermark
from penstock.log.frame import BadFrame
from penstock.log.index import SparseIndex
from penstock.log.interface import CorruptLog
from penstock.log.layout import WATERMARK, index_path, partitions, queues, segment_bases, segment_path
from penstock.log.segment import SegmentFile
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId


class SealedSegment(msgspec.Struct, frozen=True):
    """A segment that another one follows: it holds [base, end)."""

    queue: QueueId
    partition: int
    folder: Path
    base: int
    end: int

    @property
    def path(self) -> Path:
        return segment_path(self.folder, self.base)


def sealed_segments(data: DataDir) -> Iterator[list[SealedSegment]]:
    """For each partition its sealed segments, oldest first. A damaged watermark leaves its partition out: where the
    log ends is not known then."""
    for queue in queues(data):
        for partition in partitions(data.queue(queue)):
            folder = data.queue(queue) / str(partition)
            try:
                mark = watermark.read(folder)
            except CorruptLog:
                continue
            if mark is None:
                continue
            bases = [b for b in segment_bases(folder) if b <= mark.segment]
            yield [SealedSegment(queue, partition, folder, base, end) for base, end in pairwise(bases)]


def is_idle(folder: Path, age_s: float) -> bool:
    """Whether a partition has records in its last segment and was not written to for `age_s` seconds."""
    try:
        written_at = (folder / WATERMARK).stat().st_mtime
        mark = watermark.read(folder)
    except (FileNotFoundError, CorruptLog):
        return False
    return time.time() - written_at >= age_s and mark is not None and mark.next_offset > mark.segment


def newest_arrival(segment: SealedSegment) -> int:
    """When the newest record of the segment arrived, from its index; a missing index is made anew. Raises CorruptLog,
    FileNotFoundError."""
    try:
        file = SegmentFile(segment.path)
        path = index_path(segment.folder, segment.base)
        index = index_file.load(file, path)
        if index is None:
            index = _indexed(file, segment.end)
            index_file.store(index, file.head, file.size(), path)
    except BadFrame as bad:
        raise CorruptLog(str(segment.path), 0, 0, str(bad)) from bad
    file.close()
    return index.newest_us


def _indexed(file: SegmentFile, end: int) -> SparseIndex:
    """A new index of the frames before offset `end`. Raises BadFrame."""
    index = SparseIndex(file.head.base_offset, file.first_frame)
    size = file.size()
    while index.end_offset < end:
        index.add(file.header(index.end_position, size), index.end_position)
    return index
