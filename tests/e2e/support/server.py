"""A real server of one's own, for as long as a `with` block lasts.

    with running_server(keys=[("ak", "sk")], settings={"server": {"api_processes": 4}}) as server:
        ...

The same object starts again (`start`) after `stop` or `kill`; its data directory stays until the block ends.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil

from e2e.clients import Key
from penstock.auth.keyring import DEFAULT_OWNER, KeyRing
from penstock.auth.secrets import SecretBox
from penstock.catalog import owners
from penstock.catalog.audit import AuditEntry
from penstock.catalog.database import Catalog
from penstock.model.access import Role
from penstock.model.datadir import DataDir
from penstock.server.lock import is_locked
from penstock.server.run_file import read_running

START_S = 60.0
T = TypeVar("T")


class Server:
    """`penstock serve` on a free port of 127.0.0.1. `host`, `port`, `url` and `pid` hold for the latest start."""

    owner = DEFAULT_OWNER

    def __init__(
        self, data_dir: Path, settings: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str], log: Path
    ) -> None:
        self.data_dir = data_dir
        self.data = DataDir(data_dir)
        self.settings = {section: dict(values) for section, values in settings.items()}
        self.environ = dict(environ)
        self.host, self.port, self.url = "127.0.0.1", 0, ""
        self._log = log
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = True) -> None:
        """Start it and, with `ready`, wait until /readyz says 200. Raises AssertionError with what the server wrote."""
        assert self._popen is None or self._popen.poll() is not None, "it runs already"
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "penstock", "serve", "--data-dir", str(self.data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
            )
        if ready:
            self.wait_until(self._is_ready, "ready")

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self._popen is not None
        return self._popen.pid

    def processes(self) -> dict[str, int]:
        """Process ids of the children by name: api-0, api-1, ..., flows-0."""
        running = read_running(self.data)
        assert running is not None and running.pid == self.pid, "the server has not started yet"
        return running.processes

    def tree(self) -> list[psutil.Process]:
        """The supervisor and everything below it."""
        return [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]

    def stop(self, timeout: float = 60.0) -> int:
        """End it in order (SIGTERM); returns the exit status. Raises TimeoutExpired."""
        assert self._popen is not None
        self._popen.terminate()
        return self._popen.wait(timeout)

    def kill(self, name: str = "supervisor") -> int:
        """SIGKILL one process, the supervisor or a child by its name; returns its process id."""
        pid = self.pid if name == "supervisor" else self.processes()[name]
        os.kill(pid, signal.SIGKILL)
        if name == "supervisor":
            assert self._popen is not None
            self._popen.wait(10)
        return pid

    def kill_tree(self) -> None:
        """SIGKILL every process at once, and wait until they are gone."""
        processes = self.tree()
        for process in processes:
            process.kill()
        assert self._popen is not None
        self._popen.wait(10)
        assert not wait_dead(processes, 10)

    def log_text(self) -> str:
        """Everything that all starts of it wrote to standard output and standard error."""
        return self._log.read_text("utf-8", errors="replace")

    def wait_until(self, condition: Callable[[], bool], what: str, timeout: float = START_S) -> None:
        """Poll until it holds; fails with the log when the server dies or time runs out."""
        assert self._popen is not None
        deadline = time.monotonic() + timeout
        while not condition():
            assert self._popen.poll() is None, f"the server died before it was {what}:\n{self.log_text()[-6000:]}"
            assert time.monotonic() < deadline, f"the server was not {what} in time:\n{self.log_text()[-6000:]}"
            time.sleep(0.01)

    def add_key(self, access: str, secret: str, *, role: str = "admin", owner: str = DEFAULT_OWNER) -> Key:
        """As `penstock keys add`."""
        self._in_catalog(
            lambda catalog, ring: ring.add(owner, Role(role), by="test", access_key=access, secret_key=secret)
        )
        return Key(access, secret)

    def revoke_key(self, access: str) -> None:
        """As `penstock keys revoke`."""
        self._in_catalog(lambda catalog, ring: ring.revoke(access, by="test"))

    def grant(self, owner: str, grantee: str, role: str = "editor") -> None:
        """As `penstock owners grant`."""
        entry = AuditEntry(owner=owner, principal="test", action="grant.add", object=f"grant/{grantee}")
        self._in_catalog(
            lambda catalog, ring: catalog.change(entry, lambda conn: owners.grant(conn, owner, grantee, Role(role)))
        )

    def withdraw(self, owner: str, grantee: str) -> None:
        """As `penstock owners revoke`."""
        entry = AuditEntry(owner=owner, principal="test", action="grant.revoke", object=f"grant/{grantee}")
        self._in_catalog(
            lambda catalog, ring: catalog.change(entry, lambda conn: owners.withdraw(conn, owner, grantee))
        )

    def admin_key(self) -> Key:
        """The key that the first start made."""
        pair = json.loads(self.data.admin_key.read_bytes())
        return Key(pair["access_key"], pair["secret_key"])

    def _in_catalog(self, change: Callable[[Catalog, KeyRing], Future[T]]) -> T:
        with Catalog.open(self.data, migrate=True) as catalog:
            return change(catalog, KeyRing(catalog, SecretBox.of(self.data))).result(30)

    def _environment(self) -> dict[str, str]:
        given = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        settings = {"server": {"listen": f"{self.host}:0"} | self.settings.get("server", {})}
        for section, values in (self.settings | settings).items():
            for name, value in values.items():
                text = value if isinstance(value, str) else json.dumps(value)
                given[f"PENSTOCK_{section}_{name}".upper()] = text
        return given | self.environ

    def _is_ready(self) -> bool:
        running = read_running(self.data)
        if running is None or running.pid != self.pid:
            return False
        self.url = running.url
        self.port = int(running.url.rpartition(":")[2])
        if self.url.startswith("https"):
            trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            trusting.check_hostname = False
            trusting.verify_mode = ssl.CERT_NONE
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self.host, self.port, timeout=5, context=trusting
            )
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def wait_dead(processes: Iterable[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Wait until they run no more (nobody may be there to reap an orphan); returns those that still do in the end."""
    deadline = time.monotonic() + timeout
    while (left := [p for p in processes if _runs(p)]) and time.monotonic() < deadline:
        time.sleep(0.005)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def running_server(
    *,
    keys: Iterable[tuple[str, str]] = (),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    env: Mapping[str, str] | None = None,
    data_dir: Path | None = None,
) -> Iterator[Server]:
    """A server that is ready; `keys` are (access key, secret key) of admins of the default owner, there from the start.
    Ends it however the block ends; without `data_dir` everything is under a temporary folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="penstock-test-") as folder:
        server = Server(data_dir or Path(folder) / "data", settings or {}, env or {}, Path(folder) / "log")
        for access, secret in keys:
            server.add_key(access, secret)
        try:
            server.start()
            yield server
        finally:
            end(server)


def end(server: Server) -> None:
    """In order, or by force when that takes too long (and then it is an error)."""
    if server._popen is None or server._popen.poll() is not None:
        deadline = time.monotonic() + 10
        while is_locked(server.data):  # what was killed may still be on its way out
            assert time.monotonic() < deadline, "a process outlived its killed supervisor"
            time.sleep(0.005)
        return
    try:
        server.stop(40)
    except subprocess.TimeoutExpired:
        server.kill_tree()
        raise AssertionError(f"the server did not stop:\n{server.log_text()[-6000:]}") from None
