"""Power cuts at every change of the disk that an export makes: each record is in the files once."""

import random
import threading
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from crash.power import PowerCut, PowerDisk
from penstock.connect.buckets import Buckets
from penstock.connect.interface import SinkContext
from penstock.connect.registry import sink_type
from penstock.connect.settings import BucketSettings
from penstock.log import MemoryLog
from penstock.log.files import replace
from penstock.model.datadir import DataDir
from penstock.model.flow import Export
from penstock.model.limits import Limits
from penstock.model.repo import Repo
from penstock.stream.export import Clock, ExportFlow
from penstock.stream.flow_record import FlowRecord
from penstock.stream.journal import Journal, journal_path
from penstock.stream.ledger import Ledger
from penstock.stream.settings import FlowSettings
from stream.rig import NOW_US, SCHEMA, ZONE, parse_schema

REPO = Repo(owner="o", name="r", incarnation=1, region="nb", schema=parse_schema(SCHEMA, Limits()))
SPEC = {
    "bucket": "bkt",
    "rotateStrategy": "size",
    "rotateSize": 1000,
    "retention": 1,
    "keyPrefix": "a/$(min)/$(sec)",
}
EXPORT = Export(id=1, queue=REPO.queue, name="e", type="kodo", spec=sink_type("kodo").parse_spec(SPEC, REPO, Limits()))

RUNS = count()


class Disk(PowerDisk):
    """Renames from folder to folder too: the two names change independently."""

    def rename(self, old: Path, new: Path) -> None:
        if old.parent == new.parent:
            super().rename(old, new)
            return
        self._step()
        node = self._folder(old.parent).live[old.name]
        old.rename(new)
        self._folder(new.parent).change({new.name: node})
        self._folder(old.parent).change({old.name: None})


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    made = MemoryLog()
    writer = made.writer()
    for i in range(10):
        rows = [{"n": n, "s": "x" * 40} for n in range(i * 5, i * 5 + 5)]
        batch = pa.RecordBatch.from_pylist(rows, schema=REPO.schema.arrow())
        writer.append(REPO.queue, batch, arrived_at_us=NOW_US).result()
    return made


def run(root: Path, log: MemoryLog) -> None:
    """Export everything there is, at a time of its own."""
    at_us = NOW_US + (86_400 + 61 * next(RUNS)) * 1_000_000  # more than a day later: everything is due
    data = DataDir(root)
    journal = Journal(journal_path(data, 0), compact_bytes=1000)
    flow = ExportFlow(
        EXPORT,
        REPO,
        journal.records.get(1) or FlowRecord.new(EXPORT),
        open_reader=log.reader,
        journal=journal,
        ledger=Ledger(data, 1),
        context=SinkContext("o", Buckets(data, BucketSettings()), ZONE),
        settings=FlowSettings(),
        clock=Clock(lambda: at_us),
    )
    while flow.is_due():
        flow.advance(threading.Event())
        assert flow.status().last_error == ""
    assert flow.status().records_out == 50
    flow.close()
    journal.close()


def records(root: Path) -> list[int]:
    files = [p for p in (root / "buckets" / "bkt" / "a").rglob("*") if p.is_file()]
    return sorted(msgspec.json.decode(line)["n"] for file in files for line in file.read_bytes().splitlines())


def cut_power(before: Path, after: Path, log: MemoryLog, cut_at: int, chance: random.Random) -> bool:
    """One run that the power cuts short at that change, laid out as it is found later; False if it came to its end."""
    before.mkdir()
    after.mkdir()
    disk = Disk(before, "boot", cut_at)
    with replace(disk):
        try:
            run(before, log)
        except PowerCut:
            disk.survivors(after, chance)
            return True
        disk.power_off()
    return False


def test_every_cut(tmp_path: Path, log: MemoryLog) -> None:
    cut_at, going = 0, True
    while going:
        cut_at += 1
        for seed in range(2):
            chance = random.Random(1000 * cut_at + seed)
            here = tmp_path / f"{cut_at}-{seed}"
            here.mkdir()
            going = cut_power(here / "before", here / "after", log, cut_at, chance)
            if going:
                run(here / "after", log)
                assert records(here / "after") == list(range(50)), (cut_at, seed)
    assert cut_at > 40


def test_cuts_on_cuts(tmp_path: Path, log: MemoryLog) -> None:
    chance: Any = random.Random(7)
    for round_ in range(20):
        here = tmp_path / str(round_)
        here.mkdir()
        (here / "0").mkdir()
        generation = 0
        for generation in range(1, 6):
            before, after = here / str(generation - 1), here / str(generation)
            after.mkdir()
            disk = Disk(before, "boot", chance.randint(1, 40))
            with replace(disk):
                try:
                    run(before, log)
                except PowerCut:
                    disk.survivors(after, chance)
                    continue
                disk.power_off()
                disk.survivors(after, chance)
        run(here / str(generation), log)
        assert records(here / str(generation)) == list(range(50))
