"""Reads a queue's segments by their format (src/penstock/log/segment.py and frame.py say it in words), with none of the
server's code: what lies on the disk, not what the log makes of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

_HEAD = struct.Struct("<8sHHIII")
_FRAME = struct.Struct("<4sIHBBIQQQIIqqQQQ8s")
_WATERMARK = struct.Struct("<4sIQQQQQ16sI")
_ALIGN = 64
_ZSTD = 1


def read_partition(folder: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(offset, record) of everything that is durable in one partition. Raises ValueError naming the place when the
    files do not make up an unbroken, unharmed log."""
    _, segment, position, next_offset = _watermark(folder)
    bases = sorted(int(p.stem) for p in folder.glob("*.seg"))
    bases = [b for b in bases if b <= segment]
    if not bases:
        if position:
            raise ValueError(f"{folder} has a watermark and no segment")
        return  # made, but never written to
    offset = bases[0]
    for base, end in zip(bases, [*bases[1:], next_offset], strict=True):
        if base != offset:
            raise ValueError(f"{folder}: a segment begins at {base}, the one before ends at {offset}")
        path = folder / f"{base:020d}.seg"
        data = path.read_bytes()[: position if base == segment else None]
        for first, batch in _frames(data, path, end):
            if first != offset:
                raise ValueError(f"{path}: a frame begins at {first}, the one before ends at {offset}")
            yield from enumerate(batch.to_pylist(), first)
            offset += batch.num_rows
    if offset != next_offset:
        raise ValueError(f"{folder}: the log ends at {offset}, its watermark says {next_offset}")


def _watermark(folder: Path) -> tuple[int, int, int, int]:
    """(sequence, segment, position, next offset) of the newer whole slot."""
    data = (folder / "watermark").read_bytes()
    found = []
    for at in (0, 512):
        slot = data[at : at + _WATERMARK.size]
        magic, crc, sequence, segment, position, next_offset, _, _, _ = _WATERMARK.unpack(slot)
        if magic == b"PNWM" and crc == zlib.crc32(slot[8:]):
            found.append((sequence, segment, position, next_offset))
    return max(found)


def _frames(data: bytes, path: Path, end: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(first offset, records) of each frame before offset `end`."""
    magic, version, _, length, crc, _ = _HEAD.unpack_from(data)
    payload = data[_HEAD.size : _HEAD.size + length]
    if (magic, version, crc) != (b"PENSTOCK", 1, zlib.crc32(payload)):
        raise ValueError(f"{path}: not a segment head")
    schema = pa.ipc.read_schema(pa.py_buffer(msgspec.msgpack.decode(payload)["schema"]))
    at = _padded(_HEAD.size + length)
    offset = -1
    while at < len(data) and offset < end:
        magic, crc, _, codec, _, note, body, raw, base, count, body_crc, *_ = _FRAME.unpack_from(data, at)
        start = at + _padded(_FRAME.size + note)
        stop = start + _padded(body)
        if magic != b"PNSF" or crc != zlib.crc32(data[at + 8 : at + _FRAME.size]):
            raise ValueError(f"{path}: no frame at byte {at}")
        if stop > len(data) or body_crc != zlib.crc32(data[at + _FRAME.size : stop]):
            raise ValueError(f"{path}: the frame at byte {at} is torn or damaged")
        stored = pa.py_buffer(data[start : start + body])
        if codec == _ZSTD:
            stored = pa.decompress(stored, raw, codec="zstd")
        batch = pa.ipc.read_record_batch(pa.ipc.read_message(stored), schema)
        if batch.num_rows != count:
            raise ValueError(f"{path}: the frame at byte {at} holds {batch.num_rows} records, not {count}")
        yield base, batch
        at, offset = stop, base + count


def _padded(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN
