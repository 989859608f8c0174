"""Power cuts: no acknowledged record is lost, none is doubled, none is seen and then gone."""

from __future__ import annotations

import random
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from crash.log_model import LogModel, SentPost
from crash.power import FileNode, PowerCut, PowerDisk
from log.support import GROWN, SCHEMA, batch
from penstock.log import files, open_reader, open_writer, recover_all
from penstock.log.active import ActiveSegment
from penstock.log.compress import compress_sealed
from penstock.log.interface import CorruptLog, LogWriter
from penstock.log.retention import retention_clock, sweep
from penstock.log.settings import LogSettings
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

QUEUES = [QueueId("acme", "one", 1), QueueId("acme", "two", 2)]
SETTINGS = LogSettings(
    segment_bytes=3000, frame_bytes=4000, disk_reserve_bytes=0, tick_s=3600, sync_threads=1, open_files=1
)
DROP_ALL = LogSettings(retention_share=0.0, retention_age_s=1e9)
CHAIN = 25
"""Power cuts that one log lives through before a new one is begun."""


class Machine:
    """One data directory through many power cuts."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder = folder
        self._chance = chance
        self._boots = 0
        self._root = folder / "disk-0"
        self._root.mkdir(parents=True)
        self.model = LogModel()
        self.unsure: list[tuple[QueueId, SentPost]] = []

    def live_once(self) -> None:
        """Start, recover, check, work until the power goes, and find what is left of the disk."""
        disk = PowerDisk(self._root, f"boot {self._boots}", self._chance.choice((5, 20, 60, 150)))
        disk._left = self._chance.randint(1, disk._left)
        data = DataDir(self._root)
        with files.replace(disk):
            with suppress(PowerCut):
                self._work(data)
            disk.power_off()
        self._boots += 1
        survived = self._folder / f"disk-{self._boots}"
        disk.survivors(survived, self._chance)
        shutil.rmtree(self._root)
        self._root = survived

    def check(self) -> None:
        """With the power on: all is as the model says, on the disk as it was found."""
        data = DataDir(self._root)
        with files.replace(PowerDisk(self._root, f"check {self._boots}", 0)):
            assert recover_all(data).damaged == []
            self._check_all(data)

    def _work(self, data: DataDir) -> None:
        assert recover_all(data).damaged == []
        self._check_all(data)
        with ExitStack() as stack:
            writers = []
            for _ in range(self._chance.randint(1, 2)):
                writers.append(open_writer(data, SETTINGS))
                stack.callback(writers[-1].close)
            self._send_again(self._chance.choice(writers))
            for _ in range(self._chance.randint(1, 8)):
                self._act(data, self._chance.choice(writers))
        self._check_all(data)

    def _act(self, data: DataDir, writer: LogWriter) -> None:
        what = self._chance.random()
        if what < 0.85:
            sent = []
            for _ in range(self._chance.randint(1, 4)):
                queue = self._chance.choice(QUEUES)
                batch_id = f"id-{self._chance.random()}" if self._chance.random() < 0.3 else None
                post = self.model.new_post(queue, self._chance.choice((1, 2, 30)), batch_id)
                sent.append((queue, post))
            self._send(writer, sent)
        elif what < 0.95:
            compress_sealed(data)
        else:
            for queue in QUEUES:
                self.model.may_be_dropped(queue, open_reader(data, queue).ends())
            sweep(data, DROP_ALL, {}, retention_clock(data, DROP_ALL))

    def _send_again(self, writer: LogWriter) -> None:
        """A client that got no answer sends its batch again, if it gave it an id."""
        again, self.unsure = self.unsure, []
        self._send(writer, [(q, p) for q, p in again if p.batch_id is not None])

    def _send(self, writer: LogWriter, posts: list[tuple[QueueId, SentPost]]) -> None:
        disk = files.disk()
        assert isinstance(disk, PowerDisk)
        schema = GROWN if self._chance.random() < 0.2 else SCHEMA
        self.unsure += posts
        futures = [
            (q, p, writer.append(q, batch(p.numbers, schema), arrived_at_us=p.numbers[0], batch_id=p.batch_id))
            for q, p in posts
        ]
        for queue, post, future in futures:
            error = future.exception(timeout=30)
            if error is None:
                post.stored = future.result()
                self.unsure.remove((queue, post))
            elif not disk.is_off:
                raise error

    def _check_all(self, data: DataDir) -> None:
        for queue in QUEUES:
            reader = open_reader(data, queue)
            self.model.check(queue, reader)
            reader.close()


def cut_power(folder: Path, cuts: int, seed: int) -> None:
    for chain in range(-(-cuts // CHAIN)):
        chance = random.Random(f"{seed}/{chain}")
        machine = Machine(folder / str(chain), chance)
        for _ in range(CHAIN):
            machine.live_once()
        machine.check()
        shutil.rmtree(folder / str(chain))


def test_300_power_cuts(tmp_path: Path) -> None:
    cut_power(tmp_path, 300, seed=1)


@pytest.mark.soak
def test_10000_power_cuts(tmp_path: Path) -> None:
    cut_power(tmp_path, 10_000, seed=random.SystemRandom().randrange(1 << 32))


def test_the_checker_notices_a_log_that_answers_before_it_syncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = PowerDisk.sync
    monkeypatch.setattr(PowerDisk, "sync", lambda disk, fd: None if _is_segment(fd) else sync(disk, fd))
    with pytest.raises((AssertionError, CorruptLog)):
        cut_power(tmp_path, 300, seed=2)


def test_the_checker_notices_a_log_that_forgets_to_sync_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PowerDisk, "sync_folder", lambda disk, path: None)
    with pytest.raises((AssertionError, CorruptLog)):
        cut_power(tmp_path, 300, seed=3)


def test_the_checker_notices_a_watermark_published_before_the_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = ActiveSegment.write

    def without_sync(active: ActiveSegment, frames: list) -> int:  # type: ignore[type-arg]
        with monkeypatch.context() as patch:
            patch.setattr(PowerDisk, "sync", lambda disk, fd: None)
            return write(active, frames)

    monkeypatch.setattr(ActiveSegment, "write", without_sync)
    with pytest.raises((AssertionError, CorruptLog)):
        cut_power(tmp_path, 300, seed=4)


def _is_segment(fd: int) -> bool:
    return ".seg" in Path(f"/proc/self/fd/{fd}").readlink().name


def test_unsynced_bytes_and_names_may_be_lost_and_synced_ones_never(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    root.mkdir()
    disk = PowerDisk(root, "boot", cut_at=1000)
    kept = disk.create(root / "kept")
    disk.write(kept, [b"a" * 2000], 0)
    disk.sync(kept)
    disk.sync_folder(root)
    disk.write(kept, [b"b" * 2000], 1000)
    disk.create(root / "new")
    disk.power_off()
    with pytest.raises(PowerCut):
        disk.sync(kept)
    contents, names = set(), set()
    for seed in range(60):
        found = tmp_path / f"found-{seed}"
        disk.survivors(found, random.Random(seed))
        data = (found / "kept").read_bytes()
        assert data[:1000] == b"a" * 1000
        assert set(data[1000:2000]) <= set(b"ab")
        contents.add(data)
        names.add(frozenset(p.name for p in found.iterdir()))
    assert len(contents) > 10
    assert names == {frozenset({"kept"}), frozenset({"kept", "new"})}
    assert isinstance(disk._tree.live["kept"], FileNode)
