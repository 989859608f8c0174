"""A peer's server: one process with its data in a temporary folder, ready when its port answers."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from support.penstock_server import free_port


class PeerServer:
    """Runs `command` with `{port}` and `{folder}` filled in. Use as a context manager."""

    def __init__(self, folder: Path, *command: str) -> None:
        folder.mkdir()
        self.port = free_port()
        self._log = folder / "log"
        self._command = [part.format(port=self.port, folder=folder) for part in command]

    @property
    def pid(self) -> int:
        return self._popen.pid

    def __enter__(self) -> PeerServer:
        with self._log.open("wb") as log:
            self._popen = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if self._popen.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self._command[0]} did not start:\n{self._log.read_text()[-2000:]}") from None
                time.sleep(0.02)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self._popen.kill()  # its data goes with the folder
        self._popen.wait(60)
