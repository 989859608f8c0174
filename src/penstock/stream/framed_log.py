"""A small append-only file of checked entries: what the flow journal and the ledgers are made of.

    file    = magic (8 bytes) entry*
    entry   = marker (4 bytes) length (u32) crc32 of length and payload (u32) payload

An append is durable when it returns, and none begins before the one before it is: so only the last entry can be torn.
One that is not readable is cut off if nothing readable follows it; otherwise the file is damaged, and that is an error.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from penstock.log.files import disk, make_folders, write_durable

_HEAD = struct.Struct("<4sII")
_MARKER = b"\xf1pe\xf2"


class DamagedFile(Exception):
    """An entry before the last one cannot be read."""

    def __init__(self, path: Path, offset: int, reason: str) -> None:
        super().__init__(f"{path}: damaged at byte {offset}: {reason}; restore it from a backup")
        self.path, self.offset, self.reason = path, offset, reason


class FramedLog:
    """One file, open for appending by one thread at a time. `entries` are those found at opening, oldest first; the
    caller takes them once. Raises OSError, DamagedFile."""

    def __init__(self, path: Path, magic: bytes) -> None:
        assert len(magic) == 8
        self.path = path
        self._magic = magic
        make_folders(path.parent)
        if not path.exists():
            write_durable(path, magic)
        self._fd = disk().open(path)
        try:
            self.entries, self.size = _parse(path, path.read_bytes(), magic)
            self._dirty = self.size < os.fstat(self._fd).st_size
        except BaseException:
            disk().close(self._fd)
            raise

    def append(self, payload: bytes) -> None:
        """Durable when it returns; when it raises OSError, nothing of it is seen by later appends or readers."""
        if self._dirty:
            disk().truncate(self._fd, self.size)
        self._dirty = True
        end = disk().write(self._fd, [_frame(payload)], self.size)
        disk().sync(self._fd)
        self.size, self._dirty = end, False

    def rewrite(self, payloads: Iterable[bytes]) -> None:
        """Replace all entries at once; the old ones stand if it raises OSError."""
        content = self._magic + b"".join(map(_frame, payloads))
        write_durable(self.path, content)
        fresh = disk().open(self.path)
        disk().close(self._fd)
        self._fd, self.size, self._dirty = fresh, len(content), False

    def close(self) -> None:
        disk().close(self._fd)


def read_entries(path: Path, magic: bytes) -> list[bytes]:
    """The entries of a file that another process may be appending to; changes nothing, and what it returns is on
    disk. A missing file has none. Raises OSError, DamagedFile."""
    try:
        fd = disk().open(path)
    except FileNotFoundError:
        return []
    try:
        with os.fdopen(os.dup(fd), "rb") as file:
            content = file.read()
        disk().sync(fd)  # the writer may be between its write and its sync
    finally:
        disk().close(fd)
    return _parse(path, content, magic)[0]


def _frame(payload: bytes) -> bytes:
    size = len(payload).to_bytes(4, "little")
    return _HEAD.pack(_MARKER, len(payload), zlib.crc32(payload, zlib.crc32(size))) + payload


def _parse(path: Path, content: bytes, magic: bytes) -> tuple[list[bytes], int]:
    """All readable entries, and where they end."""
    if content[:8] != magic:
        raise DamagedFile(path, 0, f"it does not start with {magic!r}: not a file of this version")
    entries: list[bytes] = []
    at = 8
    while (payload := _entry(content, at)) is not None:
        entries.append(payload)
        at += _HEAD.size + len(payload)
    after = content.find(_MARKER, at + 1)
    while after >= 0:
        if _entry(content, after) is not None:
            raise DamagedFile(path, at, f"an entry is not readable, though another follows at byte {after}")
        after = content.find(_MARKER, after + 1)
    return entries, at


def _entry(content: bytes, at: int) -> bytes | None:
    if at + _HEAD.size > len(content):
        return None
    marker, length, crc = _HEAD.unpack_from(content, at)
    payload = content[at + _HEAD.size : at + _HEAD.size + length]
    if marker != _MARKER or len(payload) != length:
        return None
    return payload if zlib.crc32(payload, zlib.crc32(content[at + 4 : at + 8])) == crc else None
