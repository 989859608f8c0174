"""Where records lie in a segment: a sparse list of frames, one every 64 KiB. A cache: deleting it costs a walk.

    magic | crc | key | entries n | end offset, end position, 0, newest arrival | n offsets | n positions

The key ties an index to one segment file: its first offset, whether it is compressed, its size. Positions are checked
against the frames they name before they are trusted.
"""

from __future__ import annotations

import os
import struct
from array import array
from bisect import bisect_right
from pathlib import Path

from isal.isal_zlib import crc32

from penstock.log.files import TEMP_SUFFIX, disk
from penstock.log.frame import BadFrame, FrameHeader
from penstock.log.segment import Head, SegmentFile

MAGIC = b"PNSI"
FIXED = struct.Struct("<4sIQQQQQq")
CRC_FROM = 8
EVERY = 64 * 1024


class SparseIndex:
    """Grows as frames are seen in order, from `first_frame` on, up to `end_offset` and `end_position`."""

    def __init__(self, base_offset: int, first_frame: int) -> None:
        self._offsets = array("Q", [base_offset])
        self._positions = array("Q", [first_frame])
        self.end_offset = base_offset
        self.end_position = first_frame
        self.newest_us = 0

    def add(self, header: FrameHeader, position: int) -> None:
        """The next frame: it must begin where the last one ended."""
        if position != self.end_position:
            return
        if position - self._positions[-1] >= EVERY:
            self._offsets.append(header.base_offset)
            self._positions.append(position)
        self.end_offset, self.end_position = header.end_offset, position + header.size
        self.newest_us = max(self.newest_us, header.last_arrived_us)

    def before(self, offset: int) -> tuple[int, int]:
        """(offset, position) of the last known frame that begins at or before `offset`."""
        at = max(0, bisect_right(self._offsets, offset) - 1)
        return self._offsets[at], self._positions[at]

    def to_bytes(self, key: int) -> bytes:
        entries = self._offsets.tobytes() + self._positions.tobytes()
        fixed = FIXED.pack(MAGIC, 0, key, len(self._offsets), self.end_offset, self.end_position, 0, self.newest_us)
        rest = fixed[CRC_FROM:] + entries
        return MAGIC + crc32(rest).to_bytes(4, "little") + rest

    @classmethod
    def from_bytes(cls, data: bytes, key: int) -> SparseIndex | None:
        """The index in `data`; None when it is damaged or belongs to another file."""
        if len(data) < FIXED.size or data[:4] != MAGIC:
            return None
        _, crc, found_key, count, end_offset, end_position, _, newest_us = FIXED.unpack_from(data)
        entries = data[FIXED.size :]
        if crc != crc32(data[CRC_FROM:]) or found_key != key or len(entries) != 16 * count or not count:
            return None
        index = cls(0, 0)
        index._offsets = array("Q", entries[: 8 * count])
        index._positions = array("Q", entries[8 * count :])
        index.end_offset, index.end_position, index.newest_us = end_offset, end_position, newest_us
        return index


def _key(head: Head, size: int) -> int:
    """What an index must be made for to fit this segment file."""
    return crc32(struct.pack("<QQ?", head.base_offset, size, head.compressed))


def load(file: SegmentFile, path: Path) -> SparseIndex | None:
    """The index kept at `path` for a sealed segment; None when it is missing, damaged or about something else."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    index = SparseIndex.from_bytes(data, _key(file.head, file.size()))
    if index is None or index._offsets[0] != file.head.base_offset:
        return None
    for offset, position in zip(index._offsets[-1:], index._positions[-1:], strict=True):
        try:
            header = file.header(position, file.size())
        except BadFrame:
            return None
        if header.base_offset != offset:
            return None
    return index


def store(index: SparseIndex, head: Head, size: int, path: Path) -> None:
    """Keep the index of a sealed segment file of `size` bytes. Not synced: it is only a cache. Raises OSError."""
    temp = path.with_name(f"{path.name}.{os.getpid()}{TEMP_SUFFIX}")
    fd = disk().create(temp)
    try:
        disk().write(fd, [index.to_bytes(_key(head, size))], 0)
    finally:
        disk().close(fd)
    disk().rename(temp, path)
