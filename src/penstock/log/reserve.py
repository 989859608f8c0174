"""The part of the disk that appends leave free, so that definitions, journals and clean-up can go on."""

from __future__ import annotations

import errno
import time
from pathlib import Path

from penstock.log.files import disk, make_folders

CHECK_EVERY_S = 1.0


class DiskReserveReached(OSError):
    """Appends are refused until space is free again; nothing was stored."""

    def __init__(self, free_bytes: int, reserve_bytes: int) -> None:
        super().__init__(
            errno.ENOSPC, f"{free_bytes} bytes are free on the log's disk, fewer than the reserve of {reserve_bytes}"
        )
        self.free_bytes, self.reserve_bytes = free_bytes, reserve_bytes


class DiskReserve:
    """Looks at the disk at most once a second. Thread-safe: a race costs one more look."""

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        make_folders(folder)
        self._folder = folder
        self._reserve_bytes = reserve_bytes
        self._free = 0
        self._looked_at = float("-inf")

    def refusal(self) -> DiskReserveReached | None:
        """The error that appends get now, if any."""
        now = time.monotonic()
        if now - self._looked_at >= CHECK_EVERY_S or self._free < self._reserve_bytes:
            self._free, self._looked_at = disk().free_bytes(self._folder), now
        return DiskReserveReached(self._free, self._reserve_bytes) if self._free < self._reserve_bytes else None
