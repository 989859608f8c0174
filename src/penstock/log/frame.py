"""A frame: what one sync makes durable, the unit that is whole or not there.

    header (96 bytes, little-endian)                            note          body
    magic crc | flags codec 0 note_bytes | body_bytes raw_bytes | msgpack, 0s | one Arrow RecordBatch message, 0s
    base_offset | count body_crc | first/last arrival |
    epoch schema_id synced_to | 0

The header's CRC covers the header from its byte 8; `body_crc` covers all that follows the header, padding too. Both
are CRC-32 (zlib's polynomial). Frames, and the bodies in them, begin at multiples of 64 bytes from the file's start, so
that Arrow reads a body in place.

`synced_to` is how far (byte position in the file) the segment was synced when the frame was written. It tells damage
from a torn write: a bad frame is an unfinished write, and may be cut, unless some later frame says that the place had
been synced.

Flag bits 1 and 2 and the note's `commit` are kept for commit units of transforms. A reader refuses bits it does not
know.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum, IntFlag

import msgspec
import pyarrow as pa
from isal.isal_zlib import crc32

MAGIC = b"PNSF"
HEADER = struct.Struct("<4sIHBBIQQQIIqqQQQ8s")
HEADER_BYTES = HEADER.size
ALIGN = 64
CRC_FROM = 8
NOTE_LIMIT = 64 * 1024 * 1024
assert HEADER_BYTES == 96


class Flag(IntFlag):
    """What a reader must know before it looks inside."""

    BATCH_IDS = 1 << 0
    """Some post of the frame carries a client's batch id."""
    UNIT = 1 << 1
    """Reserved: part of a commit unit; counts only once the unit's commit frame is there."""
    COMMIT = 1 << 2
    """Reserved: ends a commit unit."""


KNOWN_FLAGS = int(Flag.BATCH_IDS)


class Codec(IntEnum):
    """How the body is stored."""

    PLAIN = 0
    ZSTD = 1


class Post(msgspec.Struct, frozen=True, array_like=True):
    """One post's part of a frame, in the order of its records."""

    count: int
    arrived_at_us: int
    batch_id: str | None = None
    request_id: str = ""


class Note(msgspec.Struct, frozen=True, array_like=True):
    """What a frame says beside its records. `commit` is reserved: {flow id, flow incarnation, source incarnation,
    position, sequence}."""

    posts: tuple[Post, ...]
    commit: None = None


class FrameHeader(msgspec.Struct, frozen=True):
    """A checked header. Sizes in bytes, times in UTC microseconds, offsets in records."""

    flags: int
    codec: int
    note_bytes: int
    body_bytes: int
    raw_bytes: int
    base_offset: int
    count: int
    body_crc: int
    first_arrived_us: int
    last_arrived_us: int
    epoch: int
    schema_id: int
    synced_to: int

    @property
    def size(self) -> int:
        """The whole frame, padding included."""
        return self.body_start + padded(self.body_bytes)

    @property
    def body_start(self) -> int:
        return padded(HEADER_BYTES + self.note_bytes)

    @property
    def end_offset(self) -> int:
        return self.base_offset + self.count


class BadFrame(Exception):
    """Bytes that are not a whole, unharmed frame."""


class NewerFormat(Exception):
    """Written by a newer Penstock than this one; nothing is wrong with the data."""


def padded(size: int) -> int:
    return -(-size // ALIGN) * ALIGN


class Frame(msgspec.Struct, frozen=True):
    """A frame ready to be written: its header and the buffers that make up its bytes."""

    header: FrameHeader
    buffers: list[bytes | memoryview]


def encode(
    batch: pa.RecordBatch, posts: Sequence[Post], *, base_offset: int, epoch: int, schema_id: int, synced_to: int
) -> Frame:
    """The frame of `batch`, which holds the records of `posts` one after the other."""
    assert batch.num_rows == sum(p.count for p in posts) > 0
    flags = Flag.BATCH_IDS if any(p.batch_id is not None for p in posts) else 0
    arrivals = [p.arrived_at_us for p in posts]
    body = memoryview(batch.serialize())
    return assemble(
        FrameHeader(
            flags=int(flags),
            codec=Codec.PLAIN,
            note_bytes=0,
            body_bytes=len(body),
            raw_bytes=len(body),
            base_offset=base_offset,
            count=batch.num_rows,
            body_crc=0,
            first_arrived_us=min(arrivals),
            last_arrived_us=max(arrivals),
            epoch=epoch,
            schema_id=schema_id,
            synced_to=synced_to,
        ),
        msgspec.msgpack.encode(Note(tuple(posts))),
        body,
    )


def assemble(header: FrameHeader, note: bytes, body: memoryview) -> Frame:
    """A frame of `header`'s fields around the given note and stored body; lengths and CRCs are computed here."""
    start = padded(HEADER_BYTES + len(note))
    note_padded = note + bytes(start - HEADER_BYTES - len(note))
    tail = bytes(padded(len(body)) - len(body))
    header = msgspec.structs.replace(
        header,
        note_bytes=len(note),
        body_bytes=len(body),
        body_crc=crc32(tail, crc32(body, crc32(note_padded))),
    )
    return Frame(header, [pack_header(header), note_padded, body, tail])


def pack_header(h: FrameHeader) -> bytes:
    packed = HEADER.pack(
        MAGIC,
        0,
        h.flags,
        h.codec,
        0,
        h.note_bytes,
        h.body_bytes,
        h.raw_bytes,
        h.base_offset,
        h.count,
        h.body_crc,
        h.first_arrived_us,
        h.last_arrived_us,
        h.epoch,
        h.schema_id,
        h.synced_to,
        bytes(8),
    )
    return MAGIC + crc32(packed[CRC_FROM:]).to_bytes(4, "little") + packed[CRC_FROM:]


def parse_header(view: memoryview) -> FrameHeader:
    """The header at the start of `view`. Raises BadFrame, NewerFormat."""
    if len(view) < HEADER_BYTES:
        raise BadFrame(f"{len(view)} bytes are left where a frame header of {HEADER_BYTES} belongs")
    magic, crc, flags, codec, zero, *fields, reserved = HEADER.unpack_from(view)
    if magic != MAGIC:
        raise BadFrame("no frame begins here")
    if crc != crc32(view[CRC_FROM:HEADER_BYTES]):
        raise BadFrame("the header's CRC does not match")
    if flags & ~KNOWN_FLAGS or codec > max(Codec) or zero or reserved != bytes(8):
        raise NewerFormat(f"a frame has flags {flags:#x} and codec {codec}, which a newer version wrote")
    header = FrameHeader(flags, codec, *fields)
    if not header.count or header.note_bytes > NOTE_LIMIT:
        raise BadFrame("the header makes no sense though its CRC matches")
    return header


def check_rest(header: FrameHeader, rest: memoryview) -> None:
    """`rest` is what follows the header. Raises BadFrame."""
    if len(rest) != header.size - HEADER_BYTES:
        raise BadFrame(f"the frame ends after {len(rest)} of {header.size - HEADER_BYTES} bytes")
    if crc32(rest) != header.body_crc:
        raise BadFrame("the body's CRC does not match")


def note_of(header: FrameHeader, rest: memoryview) -> Note:
    """The note in checked bytes. Raises BadFrame when it is not a note on `count` records."""
    try:
        note = msgspec.msgpack.decode(rest[: header.note_bytes], type=Note)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadFrame(f"the note cannot be read: {error}") from error
    if sum(p.count for p in note.posts) != header.count:
        raise BadFrame("the note is about another number of records")
    return note


def stored_body(header: FrameHeader, rest: memoryview) -> memoryview:
    """The body in checked bytes, as it is stored."""
    start = header.body_start - HEADER_BYTES
    return rest[start : start + header.body_bytes]


def batch_of(header: FrameHeader, rest: memoryview, schema: pa.Schema) -> pa.RecordBatch:
    """The records in checked bytes. Raises BadFrame when they are not `count` records of that schema."""
    body = pa.py_buffer(stored_body(header, rest))
    try:
        if header.codec == Codec.ZSTD:
            body = pa.decompress(body, header.raw_bytes, codec="zstd")
        batch = pa.ipc.read_record_batch(pa.ipc.read_message(body), schema)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise BadFrame(f"the body is not a record batch of the segment's schema: {error}") from error
    if batch.num_rows != header.count:
        raise BadFrame(f"the body holds {batch.num_rows} records where the header says {header.count}")
    return batch
