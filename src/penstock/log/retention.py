"""Dropping old segments: by age, and when the log fills its share of the disk.

Whole sealed segments go, oldest first, never one that a live flow has yet to read. Those are held until the log fills
the hard cap; then the flows that hold the oldest must fail, and once the caller has failed them (so that their
floors are gone) the next sweep drops what they held. By size, dropping goes on while the clock is in doubt: it needs
no clock.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from penstock.log.clock import MICROS, RetentionClock
from penstock.log.files import disk
from penstock.log.interface import CorruptLog
from penstock.log.layout import SEGMENT, ids_path, index_path
from penstock.log.sealed import SealedSegment, newest_arrival, sealed_segments
from penstock.log.settings import LogSettings
from penstock.log.slots import maintenance
from penstock.model.crashpoint import crashpoint
from penstock.model.datadir import DataDir
from penstock.model.flow import Positions
from penstock.model.repo import QueueId

Floors = Mapping[QueueId, Mapping[int, Positions]]
"""{queue: {flow id: the flow's positions}}: a flow has read what is before them, of other partitions nothing."""


class HeldTooLong(msgspec.Struct, frozen=True):
    """A flow that must fail: `records` it has not read are about to be dropped."""

    flow: int
    queue: QueueId
    records: int


class Sweep(msgspec.Struct, frozen=True):
    """What one sweep did. `paused` when the clock was in doubt, so that nothing was dropped by age."""

    segments: int
    records: int
    bytes: int
    must_fail: list[HeldTooLong]
    paused: bool


class _Candidate(msgspec.Struct, frozen=True):
    segment: SealedSegment
    newest_us: int
    size: int


def retention_clock(data: DataDir, settings: LogSettings) -> RetentionClock:
    """The clock to keep from sweep to sweep."""
    return RetentionClock(
        data.slots / "retention.clock", jump_s=settings.clock_jump_s, settle_s=settings.clock_settle_s
    )


def sweep(data: DataDir, settings: LogSettings, floors: Floors, clock: RetentionClock) -> Sweep:
    """Drop what may go. Raises OSError."""
    with maintenance(data.slots):
        return _sweep(data, settings, floors, clock)


def _sweep(data: DataDir, settings: LogSettings, floors: Floors, clock: RetentionClock) -> Sweep:
    now = clock.now()
    lines = [_candidates(line) for line in sealed_segments(data)]
    used = _stored_bytes(data.log)
    capacity = disk().total_bytes(data.log)
    gone: list[_Candidate] = []

    if now is not None:
        oldest = now - int(settings.retention_age_s * MICROS)
        for line in lines:
            while line and line[0].newest_us < oldest and not _holders(line[0], floors):
                gone.append(_drop(line.pop(0)))

    used -= sum(c.size for c in gone)
    held: list[_Candidate] = []
    heads = [(line[0].newest_us, number) for number, line in enumerate(lines) if line]
    heapq.heapify(heads)
    while heads and used > settings.retention_share * capacity:
        _, number = heapq.heappop(heads)
        line = lines[number]
        if _holders(line[0], floors):
            held.extend(line)
            continue
        used -= line[0].size
        gone.append(_drop(line.pop(0)))
        if line:
            heapq.heappush(heads, (line[0].newest_us, number))

    must_fail = _must_fail(held, used - settings.hold_cap * capacity, floors)
    return Sweep(
        segments=len(gone),
        records=sum(c.segment.end - c.segment.base for c in gone),
        bytes=sum(c.size for c in gone),
        must_fail=must_fail,
        paused=now is None,
    )


def _stored_bytes(folder: Path) -> int:
    """What all segments take; queues that are dropped meanwhile do not count."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            if name.endswith(SEGMENT):
                with suppress(FileNotFoundError):
                    total += Path(parent, name).stat().st_size
    return total


def _candidates(line: Iterable[SealedSegment]) -> list[_Candidate]:
    """The segments of a partition that may be dropped one after the other. Damage ends the list: a person decides."""
    found = []
    with suppress(CorruptLog, FileNotFoundError):
        for segment in line:
            found.append(_Candidate(segment, newest_arrival(segment), segment.path.stat().st_size))
    return found


def _holders(candidate: _Candidate, floors: Floors) -> list[int]:
    """The flows that have not read all of a segment."""
    segment = candidate.segment
    flows = floors.get(segment.queue, {})
    return [flow for flow, position in flows.items() if position.get(segment.partition, 0) < segment.end]


def _must_fail(held: list[_Candidate], excess: float, floors: Floors) -> list[HeldTooLong]:
    """The flows that hold the oldest segments, `excess` bytes of them."""
    unread: dict[tuple[int, QueueId], int] = {}
    for candidate in sorted(held, key=lambda c: c.newest_us):
        if excess <= 0:
            break
        excess -= candidate.size
        segment = candidate.segment
        for flow in _holders(candidate, floors):
            read = floors[segment.queue][flow].get(segment.partition, 0)
            key = (flow, segment.queue)
            unread[key] = unread.get(key, 0) + segment.end - max(segment.base, read)
    return [HeldTooLong(flow, queue, records) for (flow, queue), records in unread.items()]


def _drop(candidate: _Candidate) -> _Candidate:
    """Remove one segment, durably before the next: a hole in a log would read as damage."""
    segment = candidate.segment
    disk().unlink(segment.path)
    disk().sync_folder(segment.folder)
    crashpoint("log.retention.dropped")
    disk().unlink(index_path(segment.folder, segment.base))
    disk().unlink(ids_path(segment.folder, segment.base))
    return candidate
