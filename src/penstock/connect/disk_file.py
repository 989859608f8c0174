"""A new file on the local disk, written front to back through the log's disk layer."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.log.files import disk

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class DiskFile(io.RawIOBase):
    """An empty file at `path` (one of that name is replaced), open for writing. Raises OSError."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._layer = disk()
        self._fd = self._layer.create(path)
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        view = memoryview(data).cast("B")
        self._position = self._layer.write(self._fd, [view], self._position)
        return len(view)

    def tell(self) -> int:
        return self._position

    def sync(self) -> None:
        """Bytes are on the disk when this returns."""
        self._layer.sync(self._fd)

    def close(self) -> None:
        if not self.closed:
            self._layer.close(self._fd)
        super().close()
