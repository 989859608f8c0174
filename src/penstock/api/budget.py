"""Backpressure: how many body bytes a process may hold at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.api import metrics
from penstock.model.errors import Overloaded


class ByteBudget:
    """Counts bytes in flight. Beyond `limit` a post is told to come again instead of being kept in memory; one post is
    always let in, so that a limit below a body's size slows the server but does not stop it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Hold `size` bytes for the block; raises `Overloaded` when they are not free."""
        if self.used and self.used + size > self.limit:
            raise Overloaded(f"the server is busy: {self.used} of {self.limit} bytes are in flight; send again")
        self._add(size)
        try:
            yield
        finally:
            self._add(-size)

    def _add(self, size: int) -> None:
        self.used += size
        metrics.inflight_bytes.set(self.used)
