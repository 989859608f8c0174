"""A Penstock server of one's own, for as long as a `with` block lasts, and a signed client for it."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.auth.pandora_sign import sign


@dataclass
class Client:
    """Calls one server with one key. Raises RuntimeError with the server's own words when a call is refused."""

    host: str
    port: int
    access_key: str
    secret_key: str

    def call(self, method: str, path: str, body: bytes | dict[str, Any] | None = None, *, gzipped: bool = False) -> Any:
        kind = "text/plain" if isinstance(body, bytes) else "application/json"
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        headers = {} if data is None else {"Content-Type": kind}
        headers |= sign(self.access_key, self.secret_key, method, path, headers, now=time.time())
        if gzipped and data is not None:
            data = gzip.compress(data, 6)
            headers["Content-Encoding"] = "gzip"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, data, headers)
            reply = connection.getresponse()
            answer = json.loads(reply.read())
        finally:
            connection.close()
        if reply.status != 200:
            raise RuntimeError(f"{method} {path}: {reply.status} {answer['error']}")
        return answer


@contextmanager
def server(data_dir: Path) -> Iterator[Client]:
    """Starts `penstock serve` on a free port and waits until it is ready; stops it in order at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = data_dir / "server.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "penstock", "serve", "--data-dir", str(data_dir), "--listen", f"127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL,  # the first key, which admin.json has as well
            stderr=stderr,
        )
    try:
        _wait_ready(process, port, log)
        key = json.loads((data_dir / "admin.json").read_text())
        yield Client("127.0.0.1", port, key["access_key"], key["secret_key"])
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise RuntimeError(f"the server did not become ready; its log {log} ends:\n{log.read_text()[-2000:]}")
