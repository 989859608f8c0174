"""A Penstock server under test: the real command, on a free port, its data in a folder that the caller made."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import psutil

from penstock.auth.keyring import KeyPair
from penstock.auth.pandora_sign import sign
from penstock.model.datadir import DataDir
from support.records import SCHEMA

START_S = 60.0


class PenstockServer:
    """`settings` are given as PENSTOCK_<SECTION>_<NAME>. Use as a context manager, or start and stop by hand."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.data = DataDir(folder / "penstock")
        self.port = free_port()
        self._log = folder / "penstock.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        self._environ = inherited | dict(settings or {})

    def start(self) -> None:
        """Run the command and return at once."""
        command = [sys.executable, "-m", "penstock", "serve", "--data-dir", str(self.data.root)]
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                [*command, "--listen", f"127.0.0.1:{self.port}"], stdout=log, stderr=log, env=self._environ
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while not self._is_ready():
            if self._popen.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not get ready:\n{self._log.read_text('utf-8')[-4000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """In order, as SIGTERM does."""
        self._popen.terminate()
        self._popen.wait(60)

    def kill(self) -> None:
        """SIGKILL to every process at once."""
        processes = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
        for process in processes:
            process.kill()
        self._popen.wait(60)
        psutil.wait_procs(processes, timeout=60)

    @property
    def key(self) -> tuple[str, str]:
        """Access key and secret of the admin that the first start made."""
        pair = msgspec.json.decode(self.data.admin_key.read_bytes(), type=KeyPair)
        return pair.access_key, pair.secret_key

    def call(self, method: str, path: str, body: object = None) -> Any:
        """A signed call with a JSON body; its JSON answer. Raises RuntimeError unless it is a 200."""
        headers = {"Content-Type": "application/json"}
        headers |= sign(*self.key, method, path, headers, now=time.time())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, None if body is None else msgspec.json.encode(body), headers)
            reply = connection.getresponse()
            content = reply.read()
        finally:
            connection.close()
        if reply.status != 200:
            raise RuntimeError(f"{method} {path}: {reply.status} {content.decode()}")
        return msgspec.json.decode(content or b"{}")

    def create_repo(self, name: str) -> str:
        """A repo for the benchmarks' records; the path to post them to."""
        self.call("POST", f"/v2/repos/{name}", {"region": "nb", "schema": SCHEMA})
        return f"/v2/repos/{name}/data"

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def __enter__(self) -> PenstockServer:
        self.start()
        self.wait_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
