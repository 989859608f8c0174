"""Client batch ids: a batch sent again within 24 h, through whatever process, is stored once.

The truth is in the notes of the frames. Before a post with an id is stored, its process locks the id (a byte of one
file a queue), reads the notes that any process has published since it last looked, and knows then. The lock is held
until the post is durable and visible. `.ids` files beside sealed segments are caches of their notes.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from itertools import zip_longest
from pathlib import Path

import msgspec
from isal.isal_zlib import crc32

from penstock.log import layout, watermark
from penstock.log.files import TEMP_SUFFIX, disk
from penstock.log.frame import BadFrame, Flag, note_of
from penstock.log.interface import Appended, CorruptLog
from penstock.log.segment import SegmentFile

MICROS = 1_000_000
PRUNE_LEAST = 10_000
FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux


class StoredId(msgspec.Struct, frozen=True, array_like=True):
    """One post that carried an id."""

    batch_id: str
    offset: int
    count: int
    arrived_at_us: int


class SegmentIds(msgspec.Struct, frozen=True):
    """What an `.ids` file holds: every id of a sealed segment, which begins and ends at these offsets."""

    base_offset: int
    end_offset: int
    newest_us: int
    ids: list[StoredId]


class BatchIds:
    """The ids of one queue, as one process knows them. Used by one thread at a time."""

    def __init__(self, folder: Path, age_s: float) -> None:
        self._folder = folder
        self._age_us = int(age_s * MICROS)
        self._known: dict[str, tuple[int, StoredId]] = {}
        self._prune_at = PRUNE_LEAST
        self._seen: dict[int, tuple[int, int, int]] = {}
        """{partition: (segment, byte position, offset) up to which notes were read}"""

    @contextmanager
    def claim(self, batch_ids: Collection[str]) -> Iterator[None]:
        """Keep every other process from storing these ids within the block. The queue's folder must exist."""
        fd = os.open(self._folder / layout.BATCH_IDS, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            for byte in sorted({_lock_byte(i) for i in batch_ids}):  # in order, so that two cannot wait for each other
                fcntl.fcntl(fd, fcntl.F_OFD_SETLKW, FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
            yield
        finally:
            os.close(fd)

    def find(self, batch_ids: Collection[str], now_us: int) -> dict[str, Appended]:
        """Those of the ids that were stored within the age, with where they are. Raises BadFrame, OSError."""
        for partition in layout.partitions(self._folder):
            self._catch_up(partition, now_us)
        oldest = now_us - self._age_us
        if len(self._known) > self._prune_at:
            self._known = {k: v for k, v in self._known.items() if v[1].arrived_at_us >= oldest}
            self._prune_at = max(PRUNE_LEAST, 2 * len(self._known))
        found = {}
        for batch_id in batch_ids:
            partition, stored = self._known.get(batch_id, (0, None))
            if stored is not None and stored.arrived_at_us >= oldest:
                found[batch_id] = Appended(partition, stored.offset, stored.count, repeated=True)
        return found

    def keep(self, partition: int, base: int, end_offset: int) -> None:
        """Write the cache of a segment that was just sealed, if its ids are known here. Never raises."""
        if partition in self._seen:
            with suppress(OSError, BadFrame, CorruptLog):
                self._catch_up(partition, 0)
                ids = [i for p, i in self._known.values() if p == partition and base <= i.offset < end_offset]
                newest = max((i.arrived_at_us for i in ids), default=0)
                cache = SegmentIds(base, end_offset, newest, ids)
                _store(cache, layout.ids_path(self._folder / str(partition), base))

    def _learn(self, partition: int, ids: list[StoredId]) -> None:
        """An id that was stored again after its age counts where it is newest."""
        for stored in ids:
            known = self._known.get(stored.batch_id)
            if known is None or known[1].arrived_at_us <= stored.arrived_at_us:
                self._known[stored.batch_id] = (partition, stored)

    def _catch_up(self, partition: int, now_us: int) -> None:
        folder = self._folder / str(partition)
        mark = watermark.read(folder)
        if mark is None or not mark.position:
            return
        bases = layout.segment_bases(folder)
        segment, position, offset = self._seen.get(partition, (-1, 0, 0))
        for base, following in zip_longest(bases, bases[1:]):
            if base < segment:
                continue
            resume = (position, offset) if base == segment else None
            if following is None or base == mark.segment:
                end = mark.position if base == mark.segment else 0
                self._read(folder, partition, base, resume, end, mark.next_offset)
                continue
            try:
                if resume is None:
                    self._add_sealed(folder, partition, base, following, now_us)
                else:
                    self._read(folder, partition, base, resume, None, following)
            except FileNotFoundError:
                continue  # retention dropped it

    def _add_sealed(self, folder: Path, partition: int, base: int, following: int, now_us: int) -> None:
        cached = _load(layout.ids_path(folder, base), base, following)
        if cached is None:
            file = SegmentFile(layout.segment_path(folder, base))
            ids, newest = _ids_of(file, file.first_frame, file.size(), base, following)[:2]
            file.close()
            cached = SegmentIds(base, following, newest, ids)
            _store(cached, layout.ids_path(folder, base))
        if cached.newest_us >= now_us - self._age_us:
            self._learn(partition, cached.ids)
        self._seen[partition] = (base, -1, following)

    def _read(
        self, folder: Path, partition: int, base: int, resume: tuple[int, int] | None, end: int | None, end_offset: int
    ) -> None:
        """Read the notes of one segment from where they were read to."""
        position, offset = resume or (0, base)
        if offset >= end_offset or end == 0:
            return
        file = SegmentFile(layout.segment_path(folder, base))
        if position <= 0 or file.head.compressed:
            position, offset = file.first_frame, base
        limit = file.size() if end is None else end
        ids, _, position = _ids_of(file, position, limit, offset, end_offset)
        file.close()
        self._learn(partition, ids)
        self._seen[partition] = (base, position, end_offset)


def _ids_of(
    file: SegmentFile, position: int, limit: int, offset: int, end_offset: int
) -> tuple[list[StoredId], int, int]:
    """Ids in the frames from `position` up to `end_offset`, the newest arrival there, the position after them."""
    ids = []
    newest = 0
    while offset < end_offset:
        header = file.header(position, limit)
        newest = max(newest, header.last_arrived_us)
        if header.flags & Flag.BATCH_IDS:
            at = header.base_offset
            for post in note_of(header, file.rest(position, header, limit)).posts:
                if post.batch_id is not None:
                    ids.append(StoredId(post.batch_id, at, post.count, post.arrived_at_us))
                at += post.count
        position, offset = position + header.size, header.end_offset
    return ids, newest, position


def _load(path: Path, base: int, end_offset: int) -> SegmentIds | None:
    """The cache at `path`; None when it is missing, damaged or about something else."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(data) < 4 or crc32(data[4:]) != int.from_bytes(data[:4], "little"):
        return None
    try:
        ids = msgspec.msgpack.decode(data[4:], type=SegmentIds)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return ids if (ids.base_offset, ids.end_offset) == (base, end_offset) else None


def _store(ids: SegmentIds, path: Path) -> None:
    data = msgspec.msgpack.encode(ids)
    temp = path.with_name(f"{path.name}.{os.getpid()}{TEMP_SUFFIX}")
    fd = disk().create(temp)
    try:
        disk().write(fd, [crc32(data).to_bytes(4, "little"), data], 0)
    finally:
        disk().close(fd)
    disk().rename(temp, path)


def _lock_byte(batch_id: str) -> int:
    return int.from_bytes(blake2b(batch_id.encode(), digest_size=7).digest(), "little")
