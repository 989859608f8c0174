"""Backpressure: how many body bytes a process may hold at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from penstock.api import metrics
from penstock.model.errors import Overloaded


class ByteBudget:
    """Counts bytes in flight. Beyond `limit` a post waits for its turn before its body is read: first come, first
    served, at most `waiting` of them, at most `wait_s` each; then it is told to come again instead of being kept in
    memory. One post is always let in, so that a limit below a body's size slows the server but does not stop it.
    For one event loop."""

    def __init__(self, limit: int, *, waiting: int = 0, wait_s: float = 0.0) -> None:
        self.limit = limit
        self.used = 0
        self._most_waiting = waiting
        self._wait_s = wait_s
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Hold `size` bytes for the block; raises `Overloaded` when they do not come free in time."""
        if self._waiting or not self._fits(size):
            await self._turn(size)
        else:
            self._add(size)
        try:
            yield
        finally:
            self._give_back(size)

    async def _turn(self, size: int) -> None:
        """Returns once the bytes have been counted for this post."""
        if len(self._waiting) < self._most_waiting:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            place = (size, turn)
            self._waiting.append(place)
            try:
                await asyncio.wait((turn,), timeout=self._wait_s)
            except asyncio.CancelledError:
                if turn.done():
                    self._give_back(size)
                else:
                    self._waiting.remove(place)
                raise
            if turn.done():
                return
            self._waiting.remove(place)
            self._admit()  # what waited behind a large post may fit
        raise Overloaded(f"the server is busy: {self.used} of {self.limit} bytes are in flight; send again")

    def _admit(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size, turn = self._waiting.popleft()
            self._add(size)
            turn.set_result(None)

    def _fits(self, size: int) -> bool:
        return not self.used or self.used + size <= self.limit

    def _give_back(self, size: int) -> None:
        self._add(-size)
        self._admit()

    def _add(self, size: int) -> None:
        self.used += size
        metrics.inflight_bytes.set(self.used)
