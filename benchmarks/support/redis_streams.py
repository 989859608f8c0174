"""Redis Streams: XADD, thousands of commands in one write, each answered after the append-only file was synced."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from support.peer_server import PeerServer


def redis_server(folder: Path) -> PeerServer:
    """Every write synced before it is answered; no snapshots and no rewriting of the file on the side."""
    command = "redis-server --bind 127.0.0.1 --port {port} --dir {folder} --appendonly yes --appendfsync always"
    return PeerServer(folder, *command.split(), "--save", "", "--auto-aof-rewrite-percentage", "0")


class Batch:
    """Commands that go out together, and what they carry."""

    def __init__(self, commands: Sequence[bytes], record_bytes: int) -> None:
        self.wire = b"".join(commands)
        self.count = len(commands)
        self.record_bytes = record_bytes


def field_commands(post: Iterable[dict[str, str]]) -> list[bytes]:
    """Each record as field and value pairs."""
    return [_command("XADD", "bench", "*", *(part for pair in record.items() for part in pair)) for record in post]


def blob_commands(lines: Iterable[str]) -> list[bytes]:
    """Each record as one value, which Redis does not look into."""
    return [_command("XADD", "bench", "*", "r", line) for line in lines]


def _command(*parts: str) -> bytes:
    encoded = [part.encode() for part in parts]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in encoded)


class RedisClient:
    """Sends `batches` in turn; each exchange is one batch and all its answers."""

    def __init__(self, port: int, batches: Sequence[Batch]) -> None:
        self._port = port
        self._batches = batches

    def connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)

    def exchange(self, turn: int) -> int:
        batch = self._batches[turn % len(self._batches)]
        self._socket.sendall(batch.wire)
        answered = 0
        while answered < batch.count:  # an answer is "$<length>\r\n<id>\r\n"
            received = self._socket.recv(1 << 20)
            if not received or b"-ERR" in received or b"-MISCONF" in received or b"-OOM" in received:
                raise RuntimeError(f"Redis answered {received[:200]!r}")
            answered += received.count(b"$")
        return batch.record_bytes
