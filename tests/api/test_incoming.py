"""What a refused client is still sending is read and dropped, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from starlette.types import Message

from penstock.api.incoming import DRAIN_BYTES, Incoming

PART = b"x" * 65536


class Sender:
    """`receive` of a client that sends these parts; with `stalls` it then sends nothing more."""

    def __init__(self, parts: Iterable[bytes], *, stalls: bool = False) -> None:
        self._parts = list(parts)
        self._stalls = stalls
        self.taken = 0

    async def __call__(self) -> Message:
        if self.taken == len(self._parts) and self._stalls:
            await asyncio.Event().wait()
        self.taken += 1
        last = self.taken == len(self._parts) and not self._stalls
        return {"type": "http.request", "body": self._parts[self.taken - 1], "more_body": not last}


def drain(sender: Sender, headers: dict[str, str], timeout_s: float = 30.0, *, read_first: int = 0) -> None:
    async def run() -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        incoming = Incoming({"type": "http", "headers": raw}, sender)
        for _ in range(read_first):
            await incoming()
        await incoming.drain(timeout_s)

    asyncio.run(run())


@pytest.mark.parametrize("read_first", [0, 1, 3])
def test_the_rest_of_a_body_is_read(read_first: int) -> None:
    sender = Sender([PART] * 3)
    drain(sender, {"content-length": str(3 * len(PART))}, read_first=read_first)
    assert sender.taken == 3


def test_a_body_of_unknown_length_is_read_up_to_the_bound() -> None:
    sender = Sender([PART] * (2 * DRAIN_BYTES // len(PART)))
    drain(sender, {"transfer-encoding": "chunked"})
    assert sender.taken == DRAIN_BYTES // len(PART) + 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-length": str(DRAIN_BYTES + 1)},
        {"content-length": "many"},
        {"content-length": "65536", "expect": "100-continue"},
    ],
)
def test_nothing_is_waited_for_where_nothing_or_too_much_comes(headers: dict[str, str]) -> None:
    sender = Sender([PART])
    drain(sender, headers)
    assert sender.taken == 0


def test_a_client_that_stalls_is_given_up() -> None:
    sender = Sender([PART], stalls=True)
    drain(sender, {"content-length": str(2 * len(PART))}, timeout_s=0.05)
    assert sender.taken == 1
