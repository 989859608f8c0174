"""One export without a worker: looks, failures, stops."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from penstock.log.interface import CorruptLog, LogReader
from penstock.model.flow import Export, FlowState
from penstock.model.repo import QueueId, Repo
from penstock.stream.export import Clock, ExportFlow
from penstock.stream.flow_record import FlowRecord
from penstock.stream.journal import Journal, journal_path
from penstock.stream.ledger import Ledger
from penstock.stream.settings import FlowSettings
from stream.rig import Rig

POLL_S = 0.2


@dataclass
class Bench:
    """A flow over the rig's log, with hand-turned clocks and readers that can be broken."""

    rig: Rig
    repo: Repo
    export: Export
    journal: Journal
    elapsed_s: float = 1000.0
    looks: int = 0
    opened: list[LogReader] = field(default_factory=list)
    closed: int = 0
    broken: Exception | None = None
    rows_lost: int = 0

    def __post_init__(self) -> None:
        self.flow = ExportFlow(
            self.export,
            self.repo,
            self.journal.records.get(self.export.id) or FlowRecord.new(self.export),
            open_reader=self.open_reader,
            journal=self.journal,
            ledger=Ledger(self.rig.data, self.export.id),
            context=self.rig.context(),
            settings=FlowSettings(poll_ms=int(POLL_S * 1000)),
            clock=Clock(self.rig.now_us, lambda: self.elapsed_s),
        )

    def open_reader(self, queue: QueueId) -> LogReader:
        reader: Any = self.rig.log.reader(queue)
        ends, read, close = reader.ends, reader.read, reader.close

        def look() -> Any:
            self.looks += 1
            return ends()

        def chunks(*arguments: Any) -> Iterator[Any]:
            if self.broken:
                raise self.broken
            yield from list(read(*arguments))[self.rows_lost :]

        def count_close() -> None:
            self.closed += 1
            close()

        reader.ends, reader.read, reader.close = look, chunks, count_close
        self.opened.append(reader)
        opened: LogReader = reader
        return opened

    def advance(self) -> None:
        self.flow.advance(threading.Event())


@pytest.fixture
def bench(rig: Rig) -> Iterator[Bench]:
    repo = rig.repo()
    rig.post(repo, 0, 10)
    rig.pass_time(61)
    export = rig.export(repo)
    journal = Journal(journal_path(rig.data, 0))
    made = Bench(rig, repo, export, journal)
    yield made
    made.flow.close()
    journal.close()


def test_a_quiet_queue_is_looked_at_ever_more_rarely_and_its_files_are_let_go(bench: Bench) -> None:
    bench.advance()
    assert bench.flow.status().records_out == 10
    bench.looks = 0
    polls = 500
    for _ in range(polls):
        assert not bench.flow.is_due()
        bench.elapsed_s += POLL_S
    assert bench.looks < polls / 9 + 10
    assert (len(bench.opened), bench.closed) == (2, 1)
    bench.rig.post(bench.repo, 10, 1)
    waited = 0
    while not bench.flow.is_due():
        bench.elapsed_s += POLL_S
        waited += 1
    assert waited <= 10


def test_a_flow_that_waits_for_its_interval_is_not_looked_at(bench: Bench) -> None:
    bench.advance()
    bench.rig.post(bench.repo, 10, 1)
    bench.advance()
    bench.looks = 0
    for _ in range(299):
        assert not bench.flow.is_due()
        bench.elapsed_s += POLL_S
    assert bench.looks == 0
    bench.elapsed_s += 2 * POLL_S
    assert bench.flow.is_due()


def test_waits_between_tries_grow_and_end_with_success(bench: Bench) -> None:
    bench.broken = OSError("no route to the bucket")
    waits = []
    for _ in range(12):
        before = bench.elapsed_s
        bench.advance()
        status = bench.flow.status()
        assert (status.state, status.last_error) == (FlowState.RETRYING, "no route to the bucket")
        while not bench.flow.is_due():
            bench.elapsed_s += 0.1
        waits.append(bench.elapsed_s - before)
    assert all(0.5 <= wait <= 301 for wait in waits)
    assert waits[0] <= 1.2
    assert waits[-1] >= 149
    bench.broken = None
    bench.advance()
    assert (bench.flow.status().state, bench.flow.status().records_out) == (FlowState.RUNNING, 10)


@pytest.mark.parametrize("error", [CorruptLog("f.seg", 1, 2, "bad CRC")])
def test_damage_stops_the_flow_and_says_where(bench: Bench, error: Exception) -> None:
    bench.broken = error
    bench.advance()
    status = bench.flow.status()
    assert status.state is FlowState.FAILED
    assert "f.seg" in status.last_error
    bench.elapsed_s += 10_000
    assert not bench.flow.is_due()
    assert bench.rig.files() == {}
    bench.broken = None
    bench.flow.redefine(bench.rig.put(bench.export, email="x@example.com"), bench.repo)
    assert bench.flow.is_due()
    bench.advance()
    assert bench.flow.status().records_out == 10


def test_a_range_that_is_short_of_records_is_not_committed(bench: Bench) -> None:
    bench.rows_lost = 1
    bench.advance()
    status = bench.flow.status()
    assert status.state is FlowState.FAILED
    assert "0 records, not 10" in status.last_error
    assert bench.rig.files() == {}
    assert status.position == {}


def test_a_bug_is_shown_like_any_failure(bench: Bench) -> None:
    bench.broken = ZeroDivisionError("oops")
    bench.advance()
    assert bench.flow.status().last_error == "ZeroDivisionError: oops"
    assert bench.flow.status().state is FlowState.RETRYING


def test_an_abandoned_write_leaves_nothing(bench: Bench) -> None:
    bench.flow.abandon()
    bench.advance()
    assert bench.rig.files() == {}
    assert bench.flow.status().last_error == ""


def test_the_first_file_of_a_backlog_is_sized_by_a_sample(rig: Rig) -> None:
    repo = rig.repo()
    for i in range(400):
        rig.post(repo, i * 100, 100, "the same again and again " * 4)
    rig.pass_time(61)
    export = rig.export(repo, rotateStrategy="size", rotateSize=100_000, compress=True)
    journal = Journal(journal_path(rig.data, 0))
    bench = Bench(rig, repo, export, journal)
    bench.advance()
    sizes = [len(content) for content in rig.files().values()]
    assert len(sizes) >= 2
    assert all(60_000 < size < 150_000 for size in sizes)
    bench.flow.close()
    journal.close()


def test_a_secret_is_not_written_to_the_journal(rig: Rig) -> None:
    repo = rig.repo()
    rig.post(repo, 0, 1)
    rig.pass_time(61)
    export = rig.export(repo, exportSecretKey="geheim")
    journal = Journal(journal_path(rig.data, 0))
    bench = Bench(rig, repo, export, journal)
    bench.advance()
    assert bench.flow.status().records_out == 1
    bench.flow.close()
    journal.close()
    assert not any(b"geheim" in path.read_bytes() for path in rig.data.flows.iterdir())


def test_records_dropped_unread_from_a_partition_without_a_position_are_missed(rig: Rig) -> None:
    """A partition that began after the export did has no position yet; what it lost must show, and be counted."""
    repo = rig.repo()
    export = rig.export(repo)
    for first in range(0, 100, 10):
        rig.post(repo, first, 10)
    rig.log.retain(repo.queue, 0, 40)
    with rig.running():
        rig.pass_time(60)
        assert "offset 0 is not within [40, 100]" in rig.wait_state(export, FlowState.FAILED).last_error
        rig.pause(export, True)
        rig.wait_state(export, FlowState.PAUSED)
        rig.pause(export, False)
        assert rig.wait_written(export, 60).records_omitted == 40
    assert rig.written() == list(range(40, 100))
