"""A real server and its processes: each can die and be restarted alone, all die with the supervisor, and a stop answers
what is in hand."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from e2e.support.client import SignedClient
from e2e.support.server import Server, running_server, wait_dead
from penstock.auth.pandora_sign import sign
from penstock.server.lock import is_locked

KEY = ("ak_supervised", "supervised-secret-1f0c")
SCHEMA = [{"key": "n", "valtype": "long"}]
DATA = "/v2/repos/src/data"


@pytest.fixture
def server() -> Iterator[Server]:
    """For a test that ends it."""
    with running_server(keys=[KEY]) as started:
        make_repo(started, "src")
        yield started


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """For tests that leave it as they found it."""
    with running_server(keys=[KEY]) as started:
        make_repo(started, "src")
        yield started


def make_repo(server: Server, repo: str) -> None:
    with SignedClient(server.url, *KEY) as client:
        client.ok("POST", f"/v2/repos/{repo}", {"region": "nb", "schema": SCHEMA})


class Poster:
    """Posts numbers one after the other on a thread of its own, a new connection when one breaks."""

    def __init__(self, server: Server, repo: str = "src") -> None:
        self.server = server
        self._path = f"/v2/repos/{repo}/data"
        self.acknowledged: list[int] = []
        self.refused: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Poster:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for(self, more: int) -> None:
        wanted = len(self.acknowledged) + more
        self.server.wait_until(lambda: len(self.acknowledged) >= wanted, f"posted to {more} times more")

    def _run(self) -> None:
        number = 0
        client = SignedClient(self.server.url, *KEY)
        while not self._stop.is_set():
            number += 1
            try:
                reply = client.call("POST", self._path, b"n=%d" % number)
            except httpx.HTTPError as error:
                self.refused.append(repr(error))
                client.close()
                client = SignedClient(self.server.url, *KEY)
                continue
            if reply.status_code == 200:
                self.acknowledged.append(number)
            else:
                self.refused.append(reply.text)
        client.close()


def stored(server: Server, repo: str = "src") -> list[int]:
    """Every number in the log, by an export of the whole repo to a folder."""
    bucket = f"check-{repo.replace('_', '-')}"
    spec = {"bucket": bucket, "keyPrefix": "n", "format": "json"} | {"rotateStrategy": "interval", "rotateInterval": 1}
    export = f"/v2/repos/{repo}/exports/all"
    with SignedClient(server.url, *KEY) as client:
        client.ok("POST", export, {"type": "kodo", "spec": spec, "whence": "oldest"})
        server.wait_until(lambda: client.ok("GET", f"{export}/status")["lagRecords"] == 0, "done with its export")
    files = (server.data_dir / "buckets" / bucket).glob("n*")
    return sorted(json.loads(line)["n"] for file in files for line in file.read_text().splitlines())


def restarts(server: Server, name: str) -> float:
    line = f'penstock_process_restarts_total{{process="{name}"}} '
    found = [text for text in httpx.get(f"{server.url}/metrics").text.splitlines() if text.startswith(line)]
    return float(found[0].removeprefix(line)) if found else 0.0


@pytest.mark.parametrize("name", ["api-0", "api-1", "flows-0"])
def test_a_killed_process_is_restarted_alone_and_posts_go_on(shared: Server, name: str) -> None:
    repo = f"src_{name.replace('-', '_')}"
    make_repo(shared, repo)
    before, counted = shared.processes(), restarts(shared, name)
    with Poster(shared, repo) as poster:
        poster.wait_for(20)
        shared.kill(name)
        shared.wait_until(lambda: shared.processes().get(name) not in (None, before[name]), f"restarting {name}")
        shared.wait_until(lambda: httpx.get(f"{shared.url}/readyz").status_code == 200, "ready again")
        poster.wait_for(20)
    others = {n: pid for n, pid in before.items() if n != name}
    assert others.items() <= shared.processes().items(), "the others were not touched"
    assert restarts(shared, name) == counted + 1
    numbers = stored(shared, repo)
    assert set(poster.acknowledged) <= set(numbers)
    assert len(set(numbers)) == len(numbers)


def test_when_the_supervisor_is_killed_every_process_is_gone_within_a_second(server: Server) -> None:
    children = psutil.Process(server.pid).children(recursive=True)
    assert len(children) == 3
    with Poster(server) as poster:
        poster.wait_for(10)
        server.kill("supervisor")
        died = time.monotonic()
        assert not wait_dead(children, 1.0)
        while is_locked(server.data):
            assert time.monotonic() - died < 1.0, "some thread of a process is still alive"
    server.start()
    assert set(poster.acknowledged) <= set(stored(server))


def test_a_process_that_hangs_is_gone_too_when_the_supervisor_is_killed(server: Server) -> None:
    children = psutil.Process(server.pid).children(recursive=True)
    for child in children:
        child.suspend()
    server.kill("supervisor")
    assert not wait_dead(children, 1.0)


def test_at_a_stop_every_request_in_hand_is_answered(server: Server) -> None:
    """Requests of which the server has read the head, and part of the body, when it is told to stop."""
    half_sent = []
    headers = {"Content-Type": "text/plain"}
    headers |= sign(*KEY, "POST", DATA, headers, now=time.time())
    head = f"POST {DATA} HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n".encode()
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"
    for _ in range(20):
        connection = socket.create_connection((server.host, server.port), timeout=20)
        connection.sendall(head + b"n=7\n")
        half_sent.append(connection)
    idle = socket.create_connection((server.host, server.port), timeout=20)
    idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(65536).startswith(b"HTTP/1.1 200")
    server.wait_until(lambda: in_hand(server) >= 20 * 8, "reading all bodies")
    os.kill(server.pid, signal.SIGTERM)
    assert idle.recv(65536) == b"", "an idle connection is closed at once"
    idle.close()
    for connection in half_sent:
        connection.sendall(b"n=8\n")
    for connection in half_sent:
        assert connection.recv(65536).startswith(b"HTTP/1.1 200"), "accepted, so answered"
        connection.close()
    assert psutil.Process(server.pid).wait(20) in (0, None)
    server.start()
    assert stored(server) == [7] * 20 + [8] * 20


def in_hand(server: Server) -> float:
    text = httpx.get(f"{server.url}/metrics").text
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith("penstock_inflight_bytes"))


def test_at_a_stop_under_load_nothing_acknowledged_is_lost(server: Server) -> None:
    with Poster(server) as one, Poster(server) as two:
        one.wait_for(30)
        two.wait_for(30)
        assert server.stop() == 0
    server.start()
    numbers = stored(server)
    assert set(one.acknowledged) | set(two.acknowledged) <= set(numbers)


def test_a_second_signal_kills_at_once(server: Server) -> None:
    connection = socket.create_connection((server.host, server.port))
    connection.sendall(b"POST /v2/repos/src/data HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    children = psutil.Process(server.pid).children(recursive=True)
    os.kill(server.pid, signal.SIGTERM)
    server.wait_until(lambda: '"stopping"' in server.log_text(), "stopping")
    os.kill(server.pid, signal.SIGINT)
    assert not wait_dead([psutil.Process(server.pid), *children], 5.0)
    connection.close()


def test_signals_to_the_children_are_left_to_the_supervisor(shared: Server) -> None:
    """As ^C in a terminal or a service manager does it: everyone gets the signal, the order of the end is kept."""
    before = shared.processes()
    for pid in before.values():
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    with Poster(shared) as poster:
        poster.wait_for(20)
    assert shared.processes() == before
    assert not poster.refused


def serve(data_dir: Path, listen: str = "127.0.0.1:0") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "penstock", "serve", "--data-dir", str(data_dir), "--listen", listen]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_second_server_is_refused_in_one_line(shared: Server) -> None:
    second = serve(shared.data_dir)
    assert second.returncode == 1
    busy = f"penstock: {shared.data_dir} is in use by process {shared.pid}"
    assert second.stderr == f"{busy}: stop that one first, or use another --data-dir\n"


def test_a_taken_port_is_refused_in_one_line(shared: Server, tmp_path: Path) -> None:
    second = serve(tmp_path, shared.url[7:])
    assert (second.returncode, second.stderr) == (
        1,
        f"penstock: cannot listen on {shared.url[7:]}: Address already in use\n",
    )


def test_a_newer_format_is_refused_and_nothing_is_touched(server: Server) -> None:
    assert server.stop() == 0
    server.data.format.write_text("99\n")
    before = sorted(p.name for p in server.data_dir.rglob("*"))
    second = serve(server.data_dir)
    assert second.returncode == 1
    assert "has format 99, this program knows formats up to" in second.stderr
    assert sorted(p.name for p in server.data_dir.rglob("*")) == before


def test_what_a_process_cannot_do_at_the_first_start_ends_the_start_with_its_words(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("no key")
    (tmp_path / "secret.key").chmod(0o600)
    done = serve(tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("penstock: prepare-0: ") and "secret.key" in last


@pytest.mark.parametrize("point", ["log.slot.taken@api", "files.temp.synced@flows"])
def test_a_process_that_is_killed_before_the_server_is_ready_is_restarted(tmp_path: Path, point: str) -> None:
    marker = tmp_path / "killed"
    with running_server(env={"PENSTOCK_CRASH_AT": f"{point}={marker}"}) as server:
        assert marker.exists()
        assert server.log_text().count('"event":"process died"') == 1


def test_the_first_key_is_shown_once_and_never_logged() -> None:
    with running_server() as server:
        key = server.admin_key()
        assert server.log_text().count(key.secret) == 1, "on standard output"
        assert not any(key.secret in line for line in server.log_text().splitlines() if line.startswith("{"))
        with SignedClient(server.url, key.access, key.secret) as client:
            assert client.ok("GET", "/v2/repos") == {"repos": []}
        server.stop()
        server.start()
        assert server.log_text().count(key.secret) == 1


def test_no_process_loads_what_it_does_not_need(shared: Server) -> None:
    def loaded(pid: int) -> str:
        return Path(f"/proc/{pid}/maps").read_text()

    assert "pyarrow" not in loaded(shared.pid) and "sqlalchemy" not in loaded(shared.pid)
    assert psutil.Process(shared.pid).memory_full_info().pss < 40e6
    for name, pid in shared.processes().items():
        text = loaded(pid)
        assert "pyarrow" in text, name
        assert not any(library in text for library in ("duckdb", "deltalake", "sqlglot")), name


def test_a_process_that_cannot_start_is_tried_again_until_it_can(shared: Server) -> None:
    def deaths() -> list[dict[str, Any]]:
        lines = (json.loads(line) for line in shared.log_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == "process died" and line["child"] == "api-0"]

    before = len(deaths())
    shared.data.secret_key.chmod(0o644)  # an API process refuses a key file that others can read
    shared.kill("api-0")
    shared.wait_until(lambda: len(deaths()) >= before + 3, "trying again")
    assert "secret.key" in shared.log_text()
    unready = httpx.get(f"{shared.url}/readyz")
    assert (unready.status_code, unready.json()) == (503, {"status": "not ready: waiting for api-0"})
    assert httpx.get(f"{shared.url}/healthz").status_code == 200
    with SignedClient(shared.url, *KEY) as client:
        client.ok("POST", DATA, b"n=1")
    shared.data.secret_key.chmod(0o600)
    shared.wait_until(lambda: httpx.get(f"{shared.url}/readyz").status_code == 200, "ready again")
    waits = [line["restart_in_s"] for line in deaths()[before:]]
    assert waits == sorted(waits) and waits[0] < waits[-1], "each wait is longer than the one before"


def test_a_run_folder_that_cannot_be_written_does_not_end_the_supervision(server: Server) -> None:
    """As on a full disk."""
    before = server.processes()["api-0"]
    server.data.run.rename(server.data.run.with_name("gone"))
    os.kill(before, signal.SIGKILL)
    server.wait_until(lambda: "run file not written" in server.log_text(), "without its run folder")

    def api_processes() -> int:
        return sum("server.child" in " ".join(p.cmdline()) for p in psutil.Process(server.pid).children()) - 1

    server.data.run.with_name("gone").rename(server.data.run)
    server.wait_until(lambda: api_processes() == 2, "keeping two API processes")
    server.wait_until(lambda: httpx.get(f"{server.url}/readyz").status_code == 200, "ready again")
