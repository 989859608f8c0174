"""The doctor finds what was planted, names where, and finds nothing in a sound directory."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.support.client import SignedClient
from e2e.support.server import running_server
from penstock.model.datadir import DataDir
from penstock.server.checkup import Complaint, examine

KEY = ("ak_doctor", "doctor-secret-88a1")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a server that has stopped: a repo with two segments, an export with retention."""
    root = tmp_path_factory.mktemp("sound") / "data"
    with running_server(
        keys=[KEY], data_dir=root, settings={"server": {"api_processes": 1}, "log": {"segment_bytes": 2000}}
    ) as server:
        with SignedClient(server.url, *KEY) as client:
            client.ok("POST", "/v2/repos/src", {"region": "nb", "schema": [{"key": "n", "valtype": "long"}]})
            spec = {"bucket": "out", "keyPrefix": "p", "format": "json", "retention": 3}
            spec |= {"rotateStrategy": "interval", "rotateInterval": 1}
            client.ok("POST", "/v2/repos/src/exports/out", {"type": "kodo", "spec": spec, "whence": "oldest"})
            for number in range(40):
                client.ok("POST", "/v2/repos/src/data", b"n=%d" % number)
            status = "/v2/repos/src/exports/out/status"
            server.wait_until(lambda: client.ok("GET", status)["recordsOut"] == 40, "carried out")
        assert server.stop() == 0
    yield root


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> DataDir:
    return DataDir(Path(shutil.copytree(sound, tmp_path / "data")))


def complaints(data: DataDir) -> list[Complaint]:
    before = {path: path.read_bytes() for path in data.root.rglob("*") if path.is_file() and path.suffix != ".db-shm"}
    found = examine(data).complaints
    after = {path: path.read_bytes() for path in before}
    assert after == before, "the doctor changes nothing"
    return found


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


def segments(data: DataDir) -> list[Path]:
    return sorted(data.log.rglob("*.seg"))


def test_a_sound_directory(data: DataDir) -> None:
    found = examine(data)
    assert found.complaints == []
    looked_at = found.looked_at
    assert (looked_at["repos"], looked_at["exports"], looked_at["keys"], looked_at["records"]) == (1, 1, 1, 40)
    assert looked_at["segments"] >= 2 and looked_at["ledgers"] == 1 and looked_at["journaled flows"] == 1


@pytest.mark.parametrize("which", ["first", "last"])
def test_a_damaged_frame(data: DataDir, which: str) -> None:
    path = segments(data)[0 if which == "first" else -1]
    flip(path, path.stat().st_size - 20)
    assert any(c.part == "log" and str(path) in c.where for c in complaints(data))


def test_a_missing_segment(data: DataDir) -> None:
    segments(data)[1].unlink()
    assert any(c.part == "log" for c in complaints(data))


def test_a_segment_that_lost_its_end(data: DataDir) -> None:
    path = segments(data)[-1]
    os.truncate(path, path.stat().st_size - 10)
    assert any(c.part == "log" and str(path) in c.where for c in complaints(data))


def test_a_flow_that_stands_beyond_the_log(data: DataDir) -> None:
    for folder in data.log.glob("*/src-*"):
        shutil.rmtree(folder)
    (complaint,) = complaints(data)
    assert complaint.part == "flows"
    assert "export out of" in complaint.where and "stands at 40, but the log holds [0, 0)" in complaint.problem


def test_a_damaged_journal(data: DataDir) -> None:
    (path,) = data.flows.glob("journal-*")
    flip(path, 30)
    assert any(c.part == "flows" and "damaged" in c.problem for c in complaints(data))


def test_a_damaged_ledger(data: DataDir) -> None:
    (path,) = data.flows.glob("ledger-*")
    flip(path, 1)
    assert any(c.part == "flows" and str(path) in c.where for c in complaints(data))


def test_a_damaged_catalog(data: DataDir) -> None:
    size = data.catalog.stat().st_size
    for at in range(4096, size, 512):
        flip(data.catalog, at)
    assert any(c.part == "catalog" for c in examine(data).complaints)


def test_a_catalog_that_is_none(data: DataDir) -> None:
    data.catalog.write_bytes(b"no database" * 1000)
    assert any(c.part == "catalog" for c in examine(data).complaints)


def test_a_secret_key_that_is_not_the_catalogs(data: DataDir) -> None:
    data.secret_key.write_bytes(base64.urlsafe_b64encode(bytes(32)) + b"\n")
    assert any(c.part == "keys" and "same backup" in c.problem for c in complaints(data))


def test_a_secret_key_that_is_missing(data: DataDir) -> None:
    data.secret_key.unlink()
    assert [c.part for c in complaints(data)] == ["keys"]
    assert not data.secret_key.exists()


def test_a_secret_key_that_others_can_read(data: DataDir) -> None:
    data.secret_key.chmod(0o644)
    assert [c.part for c in complaints(data)] == ["keys"]


@pytest.mark.parametrize("content", [None, b"99\n", b"x\n"])
def test_a_format_that_is_not_ours(data: DataDir, content: bytes | None) -> None:
    if content is None:
        data.format.unlink()
    else:
        data.format.write_bytes(content)
    assert [c.part for c in complaints(data)] == ["format"]


def doctor(data: DataDir, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "penstock", "doctor", "--data-dir", str(data.root), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command(data: DataDir) -> None:
    sound = doctor(data)
    assert (sound.returncode, sound.stderr) == (0, "")
    assert sound.stdout.endswith("all is well\n")
    flip(segments(data)[0], 200)
    damaged = doctor(data)
    assert damaged.returncode == 1 and "What is wrong" in damaged.stdout
    as_json = doctor(data, "--json")
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout)["complaints"][0]["part"] == "log"
