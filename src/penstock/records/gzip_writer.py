"""Gzip that gives the same bytes for the same content."""

from __future__ import annotations

from types import TracebackType
from typing import BinaryIO

from isal import isal_zlib

_LEVEL = 2
_BLOCK = 1024 * 1024


class GzipWriter:
    """Compresses what is written into `out`, in one gzip member without a time in its head. Input goes to the
    compressor in blocks of one size, since the compressed bytes depend on where it is cut. `out` stays open."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._deflate = isal_zlib.compressobj(_LEVEL, wbits=16 + 15)
        self._waiting = bytearray()

    def write(self, data: memoryview | bytes) -> None:
        self._waiting += data
        whole = len(self._waiting) - len(self._waiting) % _BLOCK
        for start in range(0, whole, _BLOCK):
            self._out.write(self._deflate.compress(bytes(self._waiting[start : start + _BLOCK])))
        del self._waiting[:whole]

    def __enter__(self) -> GzipWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._out.write(self._deflate.compress(bytes(self._waiting)))
            self._out.write(self._deflate.flush())
