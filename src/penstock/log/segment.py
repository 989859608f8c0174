"""A segment file: a head, then frames.

    head: magic (8) | format version u16 | 0 u16 | payload length u32 | payload CRC u32 | 0 u32 | msgpack payload, 0s

The head says whose the segment is, where it begins and the Arrow schema of every frame in it. It is padded to a
multiple of 64 bytes. The version stands before everything that a later version may change. A segment is sealed when a
later one exists; it then reaches to the next one's first offset, and frames beyond that (left by a failed sync) do not
count.
"""

from __future__ import annotations

import os
import struct
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import msgspec
import pyarrow as pa
from isal.isal_zlib import crc32

from penstock.log.frame import (
    HEADER_BYTES,
    MAGIC,
    BadFrame,
    FrameHeader,
    NewerFormat,
    check_rest,
    padded,
    parse_header,
)
from penstock.model.repo import QueueId

HEAD_MAGIC = b"PENSTOCK"
HEAD = struct.Struct("<8sHHIII")
VERSION = 1
HEAD_LIMIT = 16 * 1024 * 1024
WINDOW = 64 * 1024
SMALL_WINDOW = 1024
"""Read at a header when frames are large: from one header to the next their bodies are not wanted."""


class Head(msgspec.Struct, frozen=True):
    """What a segment says about itself. `schema` is an Arrow IPC schema message, `schema_id` its hash."""

    queue: QueueId
    partition: int
    base_offset: int
    schema_id: int
    schema: bytes
    created_at_us: int
    compressed: bool = False

    def arrow_schema(self) -> pa.Schema:
        return _read_schema(self.schema)


@lru_cache(maxsize=1024)
def _read_schema(message: bytes) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(message))


def schema_message(schema: pa.Schema) -> tuple[int, bytes]:
    """A schema's id (64 bits of its hash) and its IPC message."""
    message = schema.serialize().to_pybytes()
    return int.from_bytes(blake2b(message, digest_size=8).digest(), "little"), message


def encode_head(head: Head) -> bytes:
    payload = msgspec.msgpack.encode(head)
    fixed = HEAD.pack(HEAD_MAGIC, VERSION, 0, len(payload), crc32(payload), 0)
    return (fixed + payload).ljust(padded(len(fixed) + len(payload)), b"\0")


def read_head(fd: int) -> tuple[Head, int]:
    """The head of an open segment and the position of its first frame. Raises BadFrame, NewerFormat."""
    start = os.pread(fd, 4096, 0)
    if len(start) < HEAD.size or start[:8] != HEAD_MAGIC:
        raise BadFrame("no segment head")
    _, version, zero, length, crc, zero2 = HEAD.unpack_from(start)
    if version > VERSION:
        raise NewerFormat(f"the segment has format {version}; this program reads up to {VERSION}")
    if zero or zero2 or version < 1 or length > HEAD_LIMIT:
        raise BadFrame("the segment head makes no sense")
    end = padded(HEAD.size + length)
    whole = start[:end] if len(start) >= end else os.pread(fd, end, 0)
    payload = whole[HEAD.size : HEAD.size + length]
    if len(whole) < end or crc32(payload) != crc or whole[HEAD.size + length :].strip(b"\0"):
        raise BadFrame("the segment head's CRC does not match")
    try:
        return msgspec.msgpack.decode(payload, type=Head), end
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadFrame(f"the segment head cannot be read: {error}") from error


class SegmentFile:
    """A segment open for reading, by byte position. Bytes from `limit` on are never looked at: they may still change.
    Keeps a window of bytes, so that small frames cost one system call in many. Not thread-safe."""

    def __init__(self, path: Path, *, headless: bool = False) -> None:
        """`headless` opens a file whose head is bad, to look for frames. Raises FileNotFoundError, BadFrame,
        NewerFormat."""
        self.path = path
        self._window = memoryview(b"")
        self._window_at = 0
        self._ahead = WINDOW
        self.fd = -1
        self.fd = os.open(path, os.O_RDONLY)
        if not headless:
            self.head, self.first_frame = read_head(self.fd)

    def size(self) -> int:
        return os.fstat(self.fd).st_size

    def header(self, position: int, limit: int) -> FrameHeader:
        """The header of the frame at `position`. Raises BadFrame, also when the frame would pass `limit`."""
        header = parse_header(self._bytes(position, HEADER_BYTES, limit))
        self._ahead = WINDOW if header.size <= WINDOW // 2 else SMALL_WINDOW
        if position + header.size > limit:
            raise BadFrame(f"the frame would end at {position + header.size}, the segment ends at {limit}")
        return header

    def rest(self, position: int, header: FrameHeader, limit: int) -> memoryview:
        """What follows the header of the frame at `position`, checked. Raises BadFrame."""
        rest = self._bytes(position + HEADER_BYTES, header.size - HEADER_BYTES, limit)
        check_rest(header, rest)
        return rest

    def next_magic(self, position: int, limit: int) -> int:
        """The first position at or after `position` where a frame may begin again; `limit` if there is none."""
        position = padded(position)
        while position < limit:
            block = bytes(self._bytes(position, min(4 * 1024 * 1024, limit - position), limit))
            found = block.find(MAGIC)
            while found >= 0 and found % 64:
                found = block.find(MAGIC, found + 1)
            if found >= 0:
                return position + found
            if not block:  # the file is shorter than it should be
                break
            position += len(block)
        return limit

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __del__(self) -> None:
        self.close()

    def _bytes(self, position: int, size: int, limit: int) -> memoryview:
        """At most `size` bytes; fewer only where the file or `limit` ends."""
        at = position - self._window_at
        if at >= 0 and at + size <= len(self._window):
            return self._window[at : at + size]
        size = max(0, min(size, limit - position))
        if size > self._ahead // 2:
            return self._read(position, size)
        self._window = self._read(position, min(self._ahead, limit - position) if size else 0)
        self._window_at = position
        return self._window[:size]

    def _read(self, position: int, size: int) -> memoryview:
        # Arrow's allocator hands back warm, 64-byte aligned memory; the batches read in place keep it alive
        view = memoryview(pa.allocate_buffer(size)).cast("B") if size else memoryview(b"")
        done = 0
        while done < size:
            got = os.preadv(self.fd, [view[done:]], position + done)
            if not got:
                break
            done += got
        return view[:done]
