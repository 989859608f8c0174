"""The clock that retention goes by: it never goes back, and does not believe in jumps.

The latest time seen is kept in a file. A clock that stands before it, or far beyond what has passed since, has jumped:
until it is right again, or has stayed where it jumped to for a while, nobody knows how old a record is.
"""

from __future__ import annotations

import time
from pathlib import Path

from penstock.log.files import make_folders, write_durable

MICROS = 1_000_000


class RetentionClock:
    """Keeps its state in `path`. `jump_s` is how far the clock may be off, `settle_s` how long a jump is doubted."""

    def __init__(self, path: Path, *, jump_s: float, settle_s: float) -> None:
        self._path = path
        self._jump_us = int(jump_s * MICROS)
        self._settle_us = int(settle_s * MICROS)
        self._latest_us = self._load()
        self._seen_at: int | None = None
        self._doubted: tuple[int, int] | None = None
        """(wall, steady) when the clock jumped forward"""

    def now(self, wall_us: int | None = None, steady_us: int | None = None) -> int | None:
        """The time in UTC microseconds; None while the clock is not to be believed. Raises OSError."""
        wall = time.time_ns() // 1000 if wall_us is None else wall_us
        steady = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 if steady_us is None else steady_us
        passed = steady - self._seen_at if self._seen_at is not None else 0
        if self._latest_us and wall < self._latest_us - self._jump_us:
            self._doubted = None
            return None
        if self._latest_us and wall > self._latest_us + passed + self._jump_us and not self._settled(wall, steady):
            return None
        self._doubted = None
        self._latest_us = max(self._latest_us, wall)
        self._seen_at = steady
        make_folders(self._path.parent)
        write_durable(self._path, str(self._latest_us).encode())
        return self._latest_us

    def _settled(self, wall: int, steady: int) -> bool:
        """Whether the clock has gone on steadily since it jumped, for long enough."""
        if self._doubted is not None:
            since_wall, since_steady = self._doubted
            if abs((wall - since_wall) - (steady - since_steady)) <= self._jump_us:
                return steady - since_steady >= self._settle_us
        self._doubted = (wall, steady)
        return False

    def _load(self) -> int:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return 0
        return int(text) if text.isdigit() else 0
