"""The way to the server, wherever it listens after its latest start."""

from __future__ import annotations

import threading

from e2e.clients import Client, Key
from e2e.support.server import Server

BACK_S = 120.0


class Door:
    """Open while the server is thought to be up. Who takes it down closes it, after the blow, and opens it again."""

    def __init__(self, server: Server, key: Key) -> None:
        self._server = server
        self._key = key
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    @property
    def is_open(self) -> bool:
        return self._open.is_set()

    def connect(self, timeout_s: float = 30.0) -> Client:
        """A client for one connection, as soon as the server is up."""
        if not self._open.wait(BACK_S):
            raise AssertionError(f"the server did not come back in {BACK_S:g} s")
        return Client(self._server.host, self._server.port, self._key, timeout_s)
