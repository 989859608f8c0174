"""A request's body as it comes in, and what becomes of the rest when the request is refused early."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Scope

DRAIN_BYTES = 16 * 1024 * 1024
"""How much of a refused body is read and dropped."""


class Incoming:
    """`receive` of one request; knows whether there is more to come."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = dict(scope["headers"])
        self._receive = receive
        self._started = asyncio.get_running_loop().time()
        self._more = b"content-length" in headers or b"transfer-encoding" in headers
        length = headers.get(b"content-length", b"0")
        self._hopeless = b"expect" in headers or not length.isdigit() or int(length) > DRAIN_BYTES

    async def __call__(self) -> Message:
        message = await self._receive()
        self._more = bool(message.get("more_body"))
        return message

    async def drain(self, timeout_s: float) -> None:
        """Read and drop the rest. Clients send a whole body before they look at the reply; closing on them while they
        send would lose it, and with it the code that tells them what to do. A client that asked first (Expect), or
        that has far too much, is not waited for. `timeout_s` counts from the start of the request."""
        if self._hopeless:
            return
        size = 0
        try:
            async with asyncio.timeout_at(self._started + timeout_s):
                while self._more and size <= DRAIN_BYTES:
                    size += len((await self()).get("body", b""))
        except TimeoutError:
            return
