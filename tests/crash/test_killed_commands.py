"""`penstock backup` and `penstock restore`, killed at their crash points: what they leave is refused, what they read is
unharmed, and done again they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.clients import connected
from e2e.support.server import Server, running_server
from penstock.model.crashpoint import ENVIRONMENT, POINTS

ROTATION = {"rotateStrategy": "both", "rotateInterval": 1, "rotateSize": 500}
RECORDS = 200
BACKUP = sorted(point for point in POINTS if point.startswith("backup."))
RESTORE = sorted(point for point in POINTS if point.startswith("restore."))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a server that ended: a repo with records in several segments, and the files of its export."""
    folder = tmp_path_factory.mktemp("server") / "data"
    with running_server(data_dir=folder, settings={"log": {"segment_bytes": 4096}}) as server:
        with connected(server.host, server.port, server.admin_key()) as client:
            schema = [{"key": "n", "valtype": "long"}]
            assert client.call("POST", "/v2/repos/r", {"region": "nb", "schema": schema}).status == 200
            spec = {"bucket": "out", "format": "json"} | ROTATION
            assert client.call("POST", "/v2/repos/r/exports/e", {"type": "kodo", "spec": spec}).status == 200
            for n in range(RECORDS):
                assert client.call("POST", "/v2/repos/r/data", f"n={n}\n").status == 200
            server.wait_until(
                lambda: client.call("GET", "/v2/repos/r/exports/e/status").json()["lagRecords"] == 0, "drained"
            )
        assert server.stop() == 0
        yield folder


@pytest.fixture(scope="module")
def backup(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("backup") / "whole"
    assert penstock("backup", target, data_dir=data_dir).returncode == 0
    return target


def penstock(*words: object, data_dir: Path, crash_at: str = "") -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    return subprocess.run(
        [sys.executable, "-m", "penstock", *map(str, words), "--data-dir", str(data_dir)],
        env=environ | ({ENVIRONMENT: crash_at} if crash_at else {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("point", BACKUP)
def test_a_backup_that_was_killed_is_no_backup(data_dir: Path, tmp_path: Path, point: str) -> None:
    killed, target, restored = tmp_path / "killed", tmp_path / "again", tmp_path / "restored"
    assert penstock("backup", killed, data_dir=data_dir, crash_at=point).returncode == -signal.SIGKILL
    refused = penstock("restore", killed, data_dir=restored)
    assert refused.returncode == 1
    assert str(killed) in refused.stderr
    assert not restored.exists()
    assert penstock("doctor", data_dir=data_dir).returncode == 0
    assert penstock("backup", target, data_dir=data_dir).returncode == 0


@pytest.mark.parametrize("nth", [1, 2, 7])
@pytest.mark.parametrize("point", RESTORE)
def test_a_restore_that_was_killed_does_not_start(backup: Path, tmp_path: Path, point: str, nth: int) -> None:
    killed = tmp_path / "killed"
    done = penstock("restore", backup, data_dir=killed, crash_at=f"{point}:{nth}")
    assert done.returncode == -signal.SIGKILL
    files = sum(path.is_file() for path in killed.rglob("*"))
    assert files == nth
    started = penstock("serve", "--listen", "127.0.0.1:0", data_dir=killed)
    assert started.returncode == 1
    assert "FORMAT" in started.stderr
    refused = penstock("restore", backup, data_dir=killed)
    assert refused.returncode == 1
    assert "not empty" in refused.stderr


def test_what_was_backed_up_is_what_is_restored(backup: Path, data_dir: Path, tmp_path: Path) -> None:
    restored = tmp_path / "restored"
    assert penstock("restore", backup, data_dir=restored).returncode == 0
    assert penstock("doctor", data_dir=restored).returncode == 0
    assert exported(restored) == exported(data_dir) == sorted(f'{{"n":{n}}}' for n in range(RECORDS))
    server: Server
    with running_server(data_dir=restored) as server, connected(server.host, server.port, server.admin_key()) as client:
        newest = client.call("GET", "/v2/repos/r/data?count=1").json()["records"]
        assert newest == [{"n": RECORDS - 1}]


def exported(data_dir: Path) -> list[str]:
    files = (data_dir / "buckets" / "out").glob("*.json")
    return sorted(line for path in files for line in path.read_text("utf-8").splitlines())
