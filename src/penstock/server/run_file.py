"""What the local commands and tests know of a running server: `<data-dir>/run/server.json`."""

from __future__ import annotations

import msgspec

from penstock.model.datadir import DataDir

NAME = "server.json"


class RunningServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server listens and which processes (`role-index`: process id) it has now."""

    url: str
    pid: int
    processes: dict[str, int]

    def write(self, data: DataDir) -> None:
        """Replaces the file in one step. Not synced: it means nothing after the server's end."""
        file = data.run / NAME
        draft = file.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(self))
        draft.replace(file)


def read_running(data: DataDir) -> RunningServer | None:
    """What a server last wrote there, or None; it may have died since (the lock tells, lock.py)."""
    try:
        return msgspec.json.decode((data.run / NAME).read_bytes(), type=RunningServer)
    except FileNotFoundError:
        return None
