"""What must hold for any bytes where frames are expected."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import pyarrow as pa
from isal.isal_zlib import crc32

from penstock.log.frame import (
    HEADER_BYTES,
    BadFrame,
    NewerFormat,
    assemble,
    batch_of,
    check_rest,
    note_of,
    pack_header,
    parse_header,
    stored_body,
)
from penstock.log.recovery import recover
from penstock.log.segment import Head, SegmentFile, encode_head, schema_message
from penstock.model.repo import QueueId

SCHEMA = pa.schema([("n", pa.int64()), ("text", pa.string())])
SCHEMA_ID, MESSAGE = schema_message(SCHEMA)
HEAD = encode_head(Head(QueueId("fuzz", "frames", 1), 0, 0, SCHEMA_ID, MESSAGE, 0))


def check_frames(data: bytes) -> None:
    """The first byte says how the rest is tried: as a frame, as a frame whose CRCs are put right (so that what lies
    behind them is tried too), as the tail of a segment."""
    if not data:
        return
    mode, data = data[0] % 3, data[1:]
    if mode == 0:
        check_one(data)
    elif mode == 1:
        check_one(with_right_crcs(data))
    else:
        check_tail(data)


def check_one(data: bytes) -> None:
    """A frame is refused, or writing what was read gives the same bytes again."""
    view = memoryview(data)
    try:
        header = parse_header(view)
        rest = view[HEADER_BYTES : header.size]
        check_rest(header, rest)
        note = bytes(rest[: header.note_bytes])
        again = assemble(header, note, stored_body(header, rest))
        assert again.header.size == header.size
        note_of(header, rest)
        batch = batch_of(header, rest, SCHEMA)
    except (BadFrame, NewerFormat):
        return
    assert batch.num_rows == header.count


def with_right_crcs(data: bytes) -> bytes:
    """`data` as a frame whose magic, lengths' room and CRCs are right."""
    if len(data) < HEADER_BYTES:
        return data
    fixed = bytearray(b"PNSF" + data[4:])
    fixed[4:8] = crc32(bytes(fixed[8:HEADER_BYTES])).to_bytes(4, "little")
    try:
        header = parse_header(memoryview(fixed))
    except (BadFrame, NewerFormat):
        return bytes(fixed)
    if header.size > 1 << 20:
        return bytes(fixed)
    rest = bytes(fixed[HEADER_BYTES : header.size]).ljust(header.size - HEADER_BYTES, b"\0")
    return pack_header(msgspec.structs.replace(header, body_crc=crc32(rest))) + rest


def check_tail(data: bytes) -> None:
    """Recovery ends, cuts to whole frames, and finds nothing to do the second time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / f"{0:020}.seg"
        path.write_bytes(HEAD + data)
        try:
            done = recover(folder)
        except NewerFormat:
            return
        if done.damage is None:
            assert path.stat().st_size == done.mark.position
            file = SegmentFile(path)
            position = file.first_frame
            while position < file.size():
                header = file.header(position, file.size())
                file.rest(position, header, file.size())
                position += header.size
        again = recover(folder)
        assert (again.cut_bytes, again.mark.next_offset) == (0, done.mark.next_offset)
