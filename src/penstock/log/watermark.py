"""How far a partition is durable: one small file that its writer changes after each sync and any process may read.

    two slots, at bytes 0 and 512: magic | crc | sequence | segment | position | next offset | epoch | boot | flags

The writer fills them in turn, so one is whole at any time; a reader takes the whole one with the higher sequence. The
file is not synced: it is published after the data was, so what it says is true even if only an old version survives a
power cut. While the machine runs it is exact, and `boot` (of the machine) tells the two cases apart.
"""

from __future__ import annotations

import os
import struct
from hashlib import blake2b
from pathlib import Path

import msgspec
from isal.isal_zlib import crc32

from penstock.log.files import TEMP_SUFFIX, disk
from penstock.log.interface import CorruptLog
from penstock.log.layout import WATERMARK

MAGIC = b"PNWM"
SLOT = struct.Struct("<4sIQQQQQ16sI")
SLOT_AT = (0, 512)
CRC_FROM = 8
FILE_BYTES = 1024


class Watermark(msgspec.Struct, frozen=True):
    """Records before `next_offset` are durable; the last of them ends at byte `position` of the segment that begins at
    `segment`. Position 0: that segment has not been made. `ended`: nothing may be added to that segment."""

    segment: int
    position: int
    next_offset: int
    epoch: int
    boot: bytes = b""
    ended: bool = False
    sequence: int = 0

    def exact(self) -> bool:
        """True when the machine has not restarted since: then nothing beyond was ever acknowledged."""
        return self.boot == this_boot()


def this_boot() -> bytes:
    return blake2b(disk().boot_id().encode(), digest_size=16).digest()


def read(folder: Path) -> Watermark | None:
    """The watermark of a partition; None when it has none yet. Raises CorruptLog when neither slot is whole."""
    path = folder / WATERMARK
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return parse(os.pread(fd, FILE_BYTES, 0), path)
    finally:
        os.close(fd)


def parse(data: bytes, path: Path) -> Watermark:
    """The newest whole slot. Raises CorruptLog."""
    found = [w for at in SLOT_AT if (w := _parse_slot(data[at : at + SLOT.size])) is not None]
    if not found:
        raise CorruptLog(str(path), 0, len(data), "neither slot of the watermark is whole")
    return max(found, key=lambda w: w.sequence)


def create(folder: Path, mark: Watermark) -> None:
    """Put a new watermark file in place, in one step: a reader finds none, the one before, or this. Raises OSError."""
    path = folder / WATERMARK
    temp = path.with_name(WATERMARK + TEMP_SUFFIX)
    fd = disk().create(temp)
    try:
        disk().write(fd, [_pack(mark, 0).ljust(FILE_BYTES, b"\0")], 0)
    finally:
        disk().close(fd)
    disk().rename(temp, path)


class WatermarkFile:
    """The writer's handle on one partition's watermark, which exists. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError, CorruptLog."""
        path = folder / WATERMARK
        self._fd = disk().open(path)
        try:
            self._sequence = parse(os.pread(self._fd, FILE_BYTES, 0), path).sequence
        except CorruptLog:
            self.close()
            raise

    def publish(self, mark: Watermark) -> None:
        """Make `mark` what readers see. Its data must have been synced before. Raises OSError."""
        self._sequence += 1
        disk().write(self._fd, [_pack(mark, self._sequence)], SLOT_AT[self._sequence % 2])

    def close(self) -> None:
        disk().close(self._fd)


def _pack(mark: Watermark, sequence: int) -> bytes:
    packed = SLOT.pack(
        MAGIC, 0, sequence, mark.segment, mark.position, mark.next_offset, mark.epoch, this_boot(), int(mark.ended)
    )
    return MAGIC + crc32(packed[CRC_FROM:]).to_bytes(4, "little") + packed[CRC_FROM:]


def _parse_slot(slot: bytes) -> Watermark | None:
    if len(slot) < SLOT.size or slot[:4] != MAGIC:
        return None
    _, crc, sequence, segment, position, next_offset, epoch, boot, flags = SLOT.unpack(slot)
    if crc != crc32(slot[CRC_FROM:]):
        return None
    return Watermark(segment, position, next_offset, epoch, boot, bool(flags & 1), sequence)
