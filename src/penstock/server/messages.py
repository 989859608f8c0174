"""What the supervisor and its processes tell each other: one JSON object a line, over two pipes."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ProcessRole(StrEnum):
    """What a process of the server does."""

    PREPARE = "prepare"
    API = "api"
    FLOWS = "flows"


class Assignment(msgspec.Struct, frozen=True, tag="assignment"):
    """The first line down: what to be. `settings` is the whole tree, which the supervisor passes on unread;
    `listen_fd` the inherited listening socket (API processes)."""

    role: ProcessRole
    index: int
    settings: msgspec.Raw
    listen_fd: int = -1

    @property
    def name(self) -> str:
        return f"{self.role}-{self.index}"


class ServerReady(msgspec.Struct, frozen=True, tag="server_ready"):
    """Down: whether the whole server is ready; `waiting_for` names the processes that are not."""

    waiting_for: tuple[str, ...] = ()


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Down: finish what is in hand, then exit."""


Down = Assignment | ServerReady | Stop


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Up: the process does its work from now on."""


class Prepared(msgspec.Struct, frozen=True, tag="prepared"):
    """Up, from `prepare`: the data directory is ready for use. The key is given once, when it was just made."""

    access_key: str = ""
    secret_key: str = ""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Up: the process cannot do its work, and why, for people."""

    message: str


Up = Ready | Prepared | Failed
