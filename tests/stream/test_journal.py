import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from penstock.log.files import Disk, replace
from penstock.model.datadir import DataDir
from penstock.model.schema import Field, Schema, ValType
from penstock.stream.flow_record import FlowRecord, PendingCut, Plan
from penstock.stream.journal import Journal, journal_path, read_journals

PLAN = Plan(type="kodo", spec={"bucket": "b"}, schema=Schema((Field("n", ValType.LONG),)))


def record(flow: int, version: int, **more: Any) -> FlowRecord:
    return FlowRecord(flow=flow, version=version, position={0: version, 3: 7}, **more)


def test_a_whole_record_comes_back(tmp_path: Path) -> None:
    cut = PendingCut(start={0: 1, 2: 5}, stop={0: 4, 2: 6}, at_us=9, target="日/k.json", plan=PLAN)
    full = record(1, 2, sequence=4, cut=cut, records_out=5, bytes_out=6, last_write_at_us=7, output_ratio=0.25)
    assert cut.records == 4
    journal = Journal(tmp_path / "j")
    journal.put(full)
    journal.close()
    assert Journal(tmp_path / "j").records == {1: full}


def test_the_state_with_the_highest_version_counts_over_all_slots(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    for slot, versions in enumerate([{1: 3, 2: 1}, {1: 2, 2: 5}, {3: 1}]):
        journal = Journal(journal_path(data, slot))
        for flow, version in versions.items():
            journal.put(record(flow, version))
        journal.close()
    assert {flow: r.version for flow, r in read_journals(data).items()} == {1: 3, 2: 5, 3: 1}


def test_changes_that_come_together_share_a_sync(tmp_path: Path) -> None:
    class SlowDisk(Disk):
        """The first sync waits until it is let go."""

        syncs = 0
        started = threading.Event()
        go_on = threading.Event()

        def sync(self, fd: int) -> None:
            self.syncs += 1
            self.started.set()
            assert self.go_on.wait(30)
            super().sync(fd)

    journal = Journal(tmp_path / "j")
    with replace(SlowDisk()) as disk:
        assert isinstance(disk, SlowDisk)
        first = threading.Thread(target=journal.put, args=(record(0, 1),))
        first.start()
        assert disk.started.wait(30)
        others = [threading.Thread(target=journal.put, args=(record(flow, 1),)) for flow in range(1, 9)]
        for thread in others:
            thread.start()
        while len(journal._group.entries) < 8:
            threading.Event().wait(0.001)
        assert journal.records == {}
        disk.go_on.set()
        for thread in [first, *others]:
            thread.join(30)
        assert disk.syncs == 2
    assert set(journal.records) == set(range(9))
    journal.close()
    assert set(Journal(tmp_path / "j").records) == set(range(9))


def test_when_the_sync_fails_everyone_of_the_group_hears_of_it(tmp_path: Path) -> None:
    class BrokenDisk(Disk):
        def sync(self, fd: int) -> None:
            raise OSError("the disk is gone")

    journal = Journal(tmp_path / "j")
    journal.put(record(1, 1))
    with replace(BrokenDisk()):
        for _ in range(2):
            with pytest.raises(OSError, match="the disk is gone"):
                journal.put(record(1, 2))
    assert journal.records[1].version == 1
    journal.put(record(1, 3))
    journal.close()
    assert Journal(tmp_path / "j").records[1].version == 3


def test_a_grown_journal_is_rewritten_small(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", compact_bytes=4_000)
    for version in range(1, 400):
        journal.put(record(version % 3, version))
    assert (tmp_path / "j").stat().st_size < 5_000
    states = dict(journal.records)
    journal.close()
    assert Journal(tmp_path / "j").records == states


def test_a_journal_that_cannot_be_rewritten_goes_on_growing(tmp_path: Path) -> None:
    class NoNewFiles(Disk):
        def create(self, path: Path, mode: int = 0o666) -> int:
            raise OSError("no new files")

    journal = Journal(tmp_path / "j", compact_bytes=2_000)
    with replace(NoNewFiles()):
        for version in range(1, 200):
            journal.put(record(1, version))
    assert (tmp_path / "j").stat().st_size > 8_000
    journal.close()
    assert Journal(tmp_path / "j").records[1].version == 199


class JournalMachine(RuleBasedStateMachine):
    """Changes, restarts, torn tails: what was put is there; of what was torn, the state before it."""

    @initialize()
    def start(self) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "j"
        self.journal = Journal(self.path, compact_bytes=400)
        self.model: dict[int, FlowRecord] = {}
        self.version = 0

    @rule(flow=st.integers(1, 4), pending=st.booleans())
    def put(self, flow: int, pending: bool) -> None:
        self.version += 1
        cut = PendingCut(start={0: 1}, stop={0: 2}, at_us=1, target="t", plan=PLAN) if pending else None
        self.model[flow] = record(flow, self.version, cut=cut)
        self.journal.put(self.model[flow])

    @rule(flow=st.integers(1, 4))
    def drop(self, flow: int) -> None:
        self.model.pop(flow, None)
        self.journal.drop(flow)

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.journal = Journal(self.path, compact_bytes=400)

    @rule(flow=st.integers(1, 4), keep=st.floats(0, 0.99))
    def tear(self, flow: int, keep: float) -> None:
        before = self.path.stat().st_size
        inode = self.path.stat().st_ino
        self.version += 1
        self.journal.put(record(flow, self.version))
        after = self.path.stat()
        if after.st_ino != inode:  # it was rewritten: nothing can be torn
            self.model[flow] = record(flow, self.version)
            return
        self.journal.close()
        with self.path.open("r+b") as file:
            file.truncate(before + int((after.st_size - before) * keep))
        self.journal = Journal(self.path, compact_bytes=400)

    @invariant()
    def states_are_as_put(self) -> None:
        assert dict(self.journal.records) == self.model

    def teardown(self) -> None:
        self.journal.close()
        self.folder.cleanup()


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
