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

from penstock.log.files import disk
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


class WatermarkFile:
    """The writer's handle on one partition's watermark. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Opens or makes the file; a new one is durable once its folder is synced."""
        path = folder / WATERMARK
        try:
            self._fd = disk().open(path)
        except FileNotFoundError:
            self._fd = disk().create(path)
        data = os.pread(self._fd, FILE_BYTES, 0)
        found = [w.sequence for at in SLOT_AT if (w := _parse_slot(data[at : at + SLOT.size])) is not None]
        self._sequence = max(found, default=0)
        if len(data) < FILE_BYTES:
            disk().write(self._fd, [bytes(FILE_BYTES - len(data))], len(data))

    def publish(self, mark: Watermark) -> None:
        """Make `mark` what readers see. Its data must have been synced before. Raises OSError."""
        self._sequence += 1
        packed = SLOT.pack(
            MAGIC,
            0,
            self._sequence,
            mark.segment,
            mark.position,
            mark.next_offset,
            mark.epoch,
            this_boot(),
            int(mark.ended),
        )
        slot = MAGIC + crc32(packed[CRC_FROM:]).to_bytes(4, "little") + packed[CRC_FROM:]
        disk().write(self._fd, [slot], SLOT_AT[self._sequence % 2])

    def close(self) -> None:
        disk().close(self._fd)


def _parse_slot(slot: bytes) -> Watermark | None:
    if len(slot) < SLOT.size or slot[:4] != MAGIC:
        return None
    _, crc, sequence, segment, position, next_offset, epoch, boot, flags = SLOT.unpack(slot)
    if crc != crc32(slot[CRC_FROM:]):
        return None
    return Watermark(segment, position, next_offset, epoch, boot, bool(flags & 1), sequence)
