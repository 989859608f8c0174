"""Reads a whole log, changes nothing, and says what is there and what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import msgspec

from penstock.log import watermark
from penstock.log.frame import BadFrame, NewerFormat, batch_of
from penstock.log.interface import CorruptLog
from penstock.log.layout import partitions, queues, segment_bases, segment_path
from penstock.log.segment import SegmentFile
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId


class Finding(msgspec.Struct, frozen=True):
    """Something wrong in a file, at bytes [first, last)."""

    path: str
    first: int
    last: int
    reason: str


class PartitionReport(msgspec.Struct):
    """What a partition holds: offsets [start, end), whole frames and their records and bytes, bytes beyond the durable
    end (an unfinished write, cut at the next start), and all that is wrong."""

    queue: QueueId
    partition: int
    start: int = 0
    end: int = 0
    segments: int = 0
    compressed: int = 0
    frames: int = 0
    records: int = 0
    bytes: int = 0
    beyond_bytes: int = 0
    findings: list[Finding] = msgspec.field(default_factory=list)


def examine(data: DataDir) -> Iterator[PartitionReport]:
    """A report for each partition. Every body is read, its CRC checked, its records decoded. Best while no writer runs:
    what is written meanwhile counts as beyond the end."""
    for queue in queues(data):
        for partition in partitions(data.queue(queue)):
            yield _examine(data.queue(queue) / str(partition), PartitionReport(queue, partition))


def _examine(folder: Path, report: PartitionReport) -> PartitionReport:
    try:
        mark = watermark.read(folder)
    except CorruptLog as damage:
        report.findings.append(Finding(damage.path, damage.first, damage.last, damage.reason))
        mark = None
    bases = segment_bases(folder)
    if mark is not None:
        if mark.segment not in bases and mark.next_offset > mark.segment:
            path = segment_path(folder, mark.segment)
            report.findings.append(Finding(str(path), 0, mark.position, "the segment is missing"))
        for base in bases:
            if base > mark.segment:
                report.beyond_bytes += segment_path(folder, base).stat().st_size
        bases = [b for b in bases if b <= mark.segment]
    report.start = bases[0] if bases else 0
    report.end = report.start
    for base, following in zip_longest(bases, bases[1:]):
        last_of_mark = mark is not None and mark.segment == base
        end_offset = mark.next_offset if last_of_mark and mark is not None else following
        limit = mark.position if last_of_mark and mark is not None else None
        _examine_segment(segment_path(folder, base), end_offset, limit, report)
        report.end = end_offset if end_offset is not None else report.end
    return report


def _examine_segment(path: Path, end_offset: int | None, limit: int | None, report: PartitionReport) -> None:
    report.segments += 1
    try:
        file = SegmentFile(path)
    except (BadFrame, NewerFormat) as bad:
        report.findings.append(Finding(str(path), 0, path.stat().st_size, str(bad)))
        return
    size = file.size()
    report.compressed += file.head.compressed
    if limit is not None and not file.head.compressed:
        if size < limit:
            report.findings.append(Finding(str(path), size, limit, "the file is too short"))
        report.beyond_bytes += max(0, size - limit)
        size = min(size, limit)
    position, offset = file.first_frame, file.head.base_offset
    schema = file.head.arrow_schema()
    while position < size and (end_offset is None or offset < end_offset):
        try:
            header = file.header(position, size)
            batch_of(header, file.rest(position, header, size), schema)
        except (BadFrame, NewerFormat) as bad:
            resumed = file.next_magic(position + 1, size)
            report.findings.append(Finding(str(path), position, resumed, str(bad)))
            position = resumed
            continue
        if header.base_offset != offset:
            reason = f"records {offset}-{header.base_offset - 1} are missing"
            report.findings.append(Finding(str(path), position, position, reason))
        report.frames += 1
        report.records += header.count
        report.bytes += header.size
        position, offset = position + header.size, header.end_offset
    if end_offset is None:
        report.end = offset
    elif offset < end_offset:
        reason = f"records {offset}-{end_offset - 1} are missing"
        report.findings.append(Finding(str(path), position, position, reason))
    file.close()
