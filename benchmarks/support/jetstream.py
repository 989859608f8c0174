"""NATS JetStream with file storage: publishes without waiting for each, acknowledgements counted per batch."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from support.peer_server import PeerServer

CREATE = b'{"name":"bench","subjects":["bench"],"storage":"file","retention":"limits","num_replicas":1,"discard":"old"}'
INBOX = b"_INBOX.xxxxxx"
ACK = b'"seq":'
_CONNECT = b'CONNECT {"verbose":false,"pedantic":false,"headers":false}\r\n'


def jetstream_server(folder: Path, *, synced: bool) -> PeerServer:
    """`synced`: every message is on the disk before it is acknowledged. Versions before 2.10 have no setting for it
    (they sync every two minutes): there the folder gets the file attribute S, which makes every write a synced one."""
    config = folder.with_suffix(".conf")
    config.write_text(_config(folder, ", sync_interval: always" if synced else ""))
    check = subprocess.run(["nats-server", "-t", "-c", str(config)], capture_output=True, check=False)
    if by_attribute := check.returncode != 0:
        config.write_text(_config(folder, ""))
    server = PeerServer(folder, "nats-server", "-a", "127.0.0.1", "-p", "{port}", "-c", str(config))
    if by_attribute:
        subprocess.run(["chattr", "+S", str(folder)], check=True)
    return server


def _config(folder: Path, sync: str) -> str:
    return f'jetstream {{ store_dir: "{folder}", max_file_store: 20GB{sync} }}\n'


class Batch:
    """Publishes that go out together, and what they carry. `INBOX` stands for the connection's own reply subject."""

    def __init__(self, encoded: Sequence[bytes]) -> None:
        self.wire = b"".join(b"PUB bench %b %d\r\n%b\r\n" % (INBOX, len(line), line) for line in encoded)
        self.count = len(encoded)
        self.record_bytes = sum(len(line) + 1 for line in encoded)


def batches(lines: Iterable[str], count: int) -> list[Batch]:
    """The lines, one message each, `count` to a batch."""
    encoded = [line.encode() for line in lines]
    return [Batch(encoded[i : i + count]) for i in range(0, len(encoded), count)]


class JetStreamClient:
    """Sends `batches` in turn; each exchange is one batch and all its acknowledgements."""

    def __init__(self, port: int, number: int, batches: Sequence[Batch]) -> None:
        self._port = port
        self._inbox = b"_INBOX.%06d" % number
        self._batches = batches

    def connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self._socket.sendall(_CONNECT + b"SUB %b 1\r\n" % self._inbox)
        self._wires = [batch.wire.replace(INBOX, self._inbox) for batch in self._batches]
        self._tail = b""

    def create_stream(self) -> None:
        """Once, before any load."""
        self.connect()
        self._socket.sendall(b"PUB $JS.API.STREAM.CREATE.bench %b %d\r\n%b\r\n" % (self._inbox, len(CREATE), CREATE))
        received = b""
        while b'"created"' not in received:
            received += self._socket.recv(65536)
            if b'"error"' in received:
                raise RuntimeError(f"JetStream answered {received!r}")
        self._socket.close()

    def exchange(self, turn: int) -> int:
        number = turn % len(self._batches)
        self._socket.sendall(self._wires[number])
        answered = 0
        while answered < self._batches[number].count:
            received = self._tail + self._socket.recv(1 << 20)
            if b'"error"' in received or b"-ERR" in received:
                raise RuntimeError(f"JetStream answered {received[:300]!r}")
            answered += received.count(ACK)
            self._tail = received[1 - len(ACK) :]  # too short to be counted twice
        return self._batches[number].record_bytes
