"""A backup of a running server is the state of one moment; a restore gives it back or refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.support.client import SignedClient
from e2e.support.server import Server, running_server
from penstock.catalog.format import FORMAT
from penstock.log import open_reader
from penstock.model.datadir import DataDir
from penstock.model.schema import Field, Schema, ValType
from penstock.server.backup import Backup
from penstock.server.checkup import examine
from penstock.server.manifest import NAME, BackupRefused, Manifest, read_manifest
from penstock.server.restore import restore
from penstock.stream.journal import read_journals

KEY = ("ak_backup", "backup-secret-11d2")
ARROW = Schema((Field("n", ValType.LONG),)).arrow()
ROTATION = {"rotateStrategy": "both", "rotateInterval": 1, "rotateSize": 1}
SMALL_SEGMENTS = {"segment_bytes": 4096, "segment_age_s": 1.0, "tick_s": 0.2}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    settings = {"log": SMALL_SEGMENTS, "flows": {"poll_ms": 20, "retain_s": 0.2}}
    with running_server(keys=[KEY], settings=settings) as started:
        yield started


class Load:
    """Posts numbers to a repo that is exported, and makes and deletes other repos, until the block ends."""

    def __init__(self, server: Server, repo: str) -> None:
        self.server = server
        self.repo = repo
        self.acknowledged: list[int] = []
        self.errors: list[BaseException] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._guard, args=(run,)) for run in (self._post, self._define)]

    def __enter__(self) -> Load:
        with SignedClient(self.server.url, *KEY) as client:
            client.ok("POST", f"/v2/repos/{self.repo}", {"region": "nb", "schema": [{"key": "n", "valtype": "long"}]})
            spec = {"bucket": f"out-{self.repo}", "keyPrefix": "part", "format": "json"} | ROTATION
            client.ok("POST", f"/v2/repos/{self.repo}/exports/out", {"type": "kodo", "spec": spec})
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self.errors

    def wait_for(self, more: int) -> None:
        wanted = len(self.acknowledged) + more
        self.server.wait_until(lambda: len(self.acknowledged) >= wanted or bool(self.errors), "taking posts")

    def _guard(self, run: object) -> None:
        try:
            run()  # type: ignore[operator]
        except BaseException as error:  # shown at the end of the block
            self.errors.append(error)

    def _post(self) -> None:
        number = 0
        with SignedClient(self.server.url, *KEY) as client:
            while not self._stop.is_set():
                number += 1
                client.ok("POST", f"/v2/repos/{self.repo}/data", b"n=%d" % number)
                self.acknowledged.append(number)

    def _define(self) -> None:
        with SignedClient(self.server.url, *KEY) as client:
            while not self._stop.is_set():
                path = f"/v2/repos/passing_{self.repo}"
                client.ok("POST", path, {"region": "nb", "schema": [{"key": "n", "valtype": "long"}]})
                client.ok("POST", f"{path}/data", b"n=1")
                spec = {"bucket": "passing", "keyPrefix": "p", "format": "json"} | ROTATION
                client.ok("POST", f"{path}/exports/out", {"type": "kodo", "spec": spec, "whence": "newest"})
                client.ok("DELETE", f"{path}/exports/out")
                client.ok("DELETE", path)


def logged(data: DataDir, repo: str) -> list[int]:
    """The numbers in a repo's log, in order."""
    (queue,) = [q for q in queues(data) if q.repo == repo]
    reader = open_reader(data, queue)
    try:
        chunks = reader.read(reader.starts(), reader.ends(), ARROW)
        return [n for chunk in chunks for n in chunk.batch.column("n").to_pylist()]
    finally:
        reader.close()


def queues(data: DataDir) -> list[object]:
    from penstock.log.layout import queues as found

    return list(found(data))


def exported(data: DataDir, repo: str) -> list[int]:
    """The numbers in a repo's exported files."""
    files = (data.buckets / f"out-{repo}").glob("part*")
    return sorted(json.loads(line)["n"] for file in files for line in file.read_text().splitlines())


@pytest.mark.parametrize("turn", [0, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, 20))])
def test_a_backup_under_load_restores_to_one_moment(server: Server, tmp_path: Path, turn: int) -> None:
    before: list[int] = []
    with Load(server, f"live_{turn}") as load:
        load.wait_for(150)
        manifest = Backup(server.data, tmp_path / "backup").make(cutting=lambda: before.extend(load.acknowledged))
        load.wait_for(20)
    data = DataDir(tmp_path / "restored")
    restore(tmp_path / "backup", data.root)
    assert len(before) >= 150

    restored = logged(data, load.repo)
    assert restored == list(range(1, len(restored) + 1)), "no gap, nothing doubled"
    assert set(before) <= set(restored), "what was acknowledged before the cut is there"
    assert len(restored) <= len(load.acknowledged), "and nothing of later"
    found = examine(data)
    assert not found.complaints, found.complaints
    assert found.looked_at["records"] >= len(restored)
    (position,) = [r.position.get(0, 0) + r.position.get(1, 0) for r in flows_of(data, load.repo)]
    assert 0 < position <= len(restored)
    carried = exported(data, load.repo)
    assert len(set(carried)) == len(carried) and len(carried) >= position, "the files of the position are there"
    assert any(file.path.startswith("log/") and file.path.endswith(".seg") for file in manifest.files)

    with running_server(data_dir=data.root) as again, SignedClient(again.url, *KEY) as client:
        status = f"/v2/repos/{load.repo}/exports/out/status"
        again.wait_until(lambda: client.ok("GET", status)["lagRecords"] == 0, "carrying out the rest")
        client.ok("POST", f"/v2/repos/{load.repo}/data", b"n=%d" % (len(restored) + 1))
        again.wait_until(lambda: client.ok("GET", status)["recordsOut"] == len(restored) + 1, "carrying out one more")
    assert exported(data, load.repo) == list(range(1, len(restored) + 2)), "each number in the files exactly once"


def flows_of(data: DataDir, repo: str) -> list[object]:
    from penstock.catalog import exports
    from penstock.catalog.database import Catalog

    with Catalog.open(data) as catalog:
        ids = [e.id for e in catalog.read(exports.list_all) if e.queue.repo == repo]
    return [record for flow, record in read_journals(data).items() if flow in ids]


@pytest.fixture
def backup(server: Server, tmp_path: Path) -> Path:
    Backup(server.data, tmp_path / "backup").make()
    return tmp_path / "backup"


def test_sealed_segments_and_exported_files_are_links_the_rest_are_copies(server: Server, tmp_path: Path) -> None:
    with Load(server, "linked") as load:
        server.wait_until(lambda: len(list(server.data.log.glob("*/linked-*/*/*.seg"))) > 2, "sealing segments")
        server.wait_until(lambda: bool(exported(server.data, load.repo)), "exporting")
    backup = tmp_path / "backup"
    Backup(server.data, backup).make()
    linked = {f.relative_to(backup) for f in backup.rglob("*") if f.is_file() and f.stat().st_nlink > 1}
    assert {path.parts[0] for path in linked} == {"log", "buckets"}
    assert all(path.suffix == ".seg" for path in linked if path.parts[0] == "log")
    for name in ("catalog.db", "secret.key"):
        assert (backup / name).stat().st_nlink == 1
        assert not (backup / name).stat().st_mode & 0o077


def test_without_buckets(server: Server, tmp_path: Path) -> None:
    manifest = Backup(server.data, tmp_path / "backup", buckets=False).make()
    assert not manifest.buckets
    assert not any(file.path.startswith("buckets/") for file in manifest.files)


def test_a_backup_is_not_put_where_something_is(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BackupRefused, match="is not empty"):
        Backup(server.data, tmp_path).make()
    with pytest.raises(BackupRefused, match="inside the data directory"):
        Backup(server.data, server.data_dir / "backup").make()


def test_a_restore_refuses_a_place_where_something_is(backup: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").write_text("x")
    with pytest.raises(BackupRefused, match="is not empty"):
        restore(backup, target)
    assert [p.name for p in target.iterdir()] == ["file"]


@pytest.mark.parametrize("damage", ["changed", "shorter", "missing"])
def test_a_restore_finds_damage_and_leaves_nothing_that_would_start(backup: Path, tmp_path: Path, damage: str) -> None:
    victim = backup / "catalog.db"
    content = victim.read_bytes()
    match damage:
        case "changed":
            victim.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
        case "shorter":
            victim.write_bytes(content[:-1])
        case "missing":
            victim.unlink()
    with pytest.raises(BackupRefused, match=r"catalog\.db is (damaged|missing)"):
        restore(backup, tmp_path / "target")
    assert not DataDir(tmp_path / "target").format.exists()


def test_an_unfinished_backup_is_refused(backup: Path, tmp_path: Path) -> None:
    (backup / NAME).unlink()
    with pytest.raises(BackupRefused, match="not finished"):
        restore(backup, tmp_path / "target")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": FORMAT + 1}, "knows formats up to"),
        ({"version": 99}, "made by a newer Penstock"),
        ({"files": [{"path": "../escape", "size": 1, "sha256": ""}]}, "manifest names no FORMAT"),
        ({"files": "x"}, "cannot be read"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(
    backup: Path, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    manifest = json.loads((backup / NAME).read_bytes())
    (backup / NAME).write_text(json.dumps(manifest | change))
    with pytest.raises(BackupRefused, match=said):
        restore(backup, tmp_path / "target")


def test_a_manifest_cannot_lead_out_of_the_target(backup: Path, tmp_path: Path) -> None:
    manifest = json.loads((backup / NAME).read_bytes())
    manifest["files"].insert(0, {"path": "../escape", "size": 0, "sha256": ""})
    (backup / NAME).write_text(json.dumps(manifest))
    (backup.parent / "escape").touch()
    with pytest.raises(BackupRefused, match="outside the backup"):
        restore(backup, tmp_path / "deep" / "target")
    assert not (tmp_path / "deep" / "escape").exists()


def test_the_manifest_is_read_back(server: Server, tmp_path: Path) -> None:
    made = Backup(server.data, tmp_path / "backup").make()
    assert isinstance(made, Manifest)
    assert read_manifest(tmp_path / "backup") == made
    assert made.size == sum((tmp_path / "backup" / f.path).stat().st_size for f in made.files)


def test_of_the_flows_only_journals_and_ledgers_are_taken(server: Server, tmp_path: Path) -> None:
    """Not what is spooled on its way to a bucket: it is large, and gone the next moment."""
    spool = server.data.flows / "spool"
    spool.mkdir()
    (spool / "ff").write_bytes(b"half a file")
    (server.data.flows / "ledger-77.log.tmp").write_bytes(b"half a ledger")
    manifest = Backup(server.data, tmp_path / "backup").make()
    taken = [file.path for file in manifest.files if file.path.startswith("flows/")]
    assert "flows/journal-0.log" in taken
    assert all(path.endswith(".log") and path.count("/") == 1 for path in taken)
