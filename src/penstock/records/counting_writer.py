"""Counts bytes on their way into a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class CountingWriter(io.RawIOBase):
    """Passes what is written on to `out`, or drops it; `size` is the number of bytes so far."""

    def __init__(self, out: BinaryIO | None = None) -> None:
        super().__init__()
        self._out = out
        self.size = 0

    def as_file(self) -> BinaryIO:
        return cast(BinaryIO, self)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        if self._out is not None:
            self._out.write(data)
        count = memoryview(data).nbytes
        self.size += count
        return count

    def tell(self) -> int:
        return self.size
