"""What every log must do, whichever store is under it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from log.support import GROWN, PLAIN, QUEUE, SCHEMA, batch, numbers
from penstock.log import MemoryLog, drop_queue, open_reader, open_writer
from penstock.log.interface import LogReader, LogWriter, PositionOutOfRange, QueueClosed
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

OTHER = QueueId("acme", "other", 2)


class Log(Protocol):
    def writer(self) -> LogWriter: ...
    def reader(self, queue: QueueId) -> LogReader: ...
    def drop(self, queue: QueueId) -> None: ...


class SegmentLog:
    def __init__(self, folder: Path) -> None:
        self._data = DataDir(folder)
        self._open: list[LogWriter | LogReader] = []

    def writer(self) -> LogWriter:
        self._open.append(open_writer(self._data, PLAIN))
        return self._open[-1]

    def reader(self, queue: QueueId) -> LogReader:
        self._open.append(open_reader(self._data, queue))
        return self._open[-1]

    def drop(self, queue: QueueId) -> None:
        drop_queue(self._data, queue)

    def close(self) -> None:
        for one in self._open:
            one.close()


@pytest.fixture(params=["memory", "segments"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    if request.param == "memory":
        yield MemoryLog()
        return
    under_test = SegmentLog(tmp_path)
    yield under_test
    under_test.close()


def test_a_queue_nobody_wrote_to_is_empty(log: Log) -> None:
    reader = log.reader(QUEUE)
    assert (reader.starts(), reader.ends()) == ({}, {})
    assert numbers(reader) == []
    assert reader.newest(3, SCHEMA).num_rows == 0
    assert reader.newest(3, SCHEMA).schema == SCHEMA
    assert reader.arrived_at_us({}) is None
    assert reader.cut({}, {}, 100) == {}
    assert reader.stored_bytes({}, {}) == 0


def test_what_was_appended_is_read_back_in_order(log: Log) -> None:
    writer, reader = log.writer(), log.reader(QUEUE)
    first = writer.append(QUEUE, batch(range(5)), arrived_at_us=10).result()
    second = writer.append(QUEUE, batch(range(5, 7)), arrived_at_us=11).result()
    assert (first.partition, first.offset, first.count, first.repeated) == (0, 0, 5, False)
    assert (second.partition, second.offset, second.count) == (0, 5, 2)
    assert (reader.starts(), reader.ends()) == ({0: 0}, {0: 7})
    assert numbers(reader) == list(range(7))


def test_an_acknowledged_append_is_visible_at_once(log: Log) -> None:
    writer, reader = log.writer(), log.reader(QUEUE)
    for n in range(20):
        done = writer.append(QUEUE, batch([n]), arrived_at_us=n).result()
        assert reader.ends() == {0: done.offset + 1}


def test_many_appends_at_once_keep_their_order_and_get_their_own_offsets(log: Log) -> None:
    writer, reader = log.writer(), log.reader(QUEUE)
    futures = [writer.append(QUEUE, batch([2 * n, 2 * n + 1]), arrived_at_us=n) for n in range(200)]
    assert [f.result().offset for f in futures] == list(range(0, 400, 2))
    assert numbers(reader) == list(range(400))


def test_a_range_may_begin_and_end_inside_an_append(log: Log) -> None:
    writer, reader = log.writer(), log.reader(QUEUE)
    for n in range(0, 30, 10):
        writer.append(QUEUE, batch(range(n, n + 10)), arrived_at_us=n).result()
    assert numbers(reader, {0: 7}, {0: 23}) == list(range(7, 23))
    chunks = list(reader.read({0: 7}, {0: 23}, SCHEMA))
    assert chunks[0].offset == 7
    assert sum(c.batch.num_rows for c in chunks) == 16
    assert numbers(reader, {0: 12}, {0: 12}) == []


def test_partitions_are_merged_by_arrival_time(log: Log) -> None:
    one, two, reader = log.writer(), log.writer(), log.reader(QUEUE)
    for n in range(0, 12, 3):
        one.append(QUEUE, batch([n]), arrived_at_us=n).result()
        two.append(QUEUE, batch([n + 1]), arrived_at_us=n + 1).result()
        one.append(QUEUE, batch([n + 2]), arrived_at_us=n + 2).result()
    assert reader.ends() == {0: 8, 1: 4}
    assert numbers(reader) == list(range(12))
    assert numbers(reader, {}, {1: 4}) == [1, 4, 7, 10]
    assert numbers(reader, {0: 2}, {0: 4, 1: 1}) == [1, 3, 5]
    assert {c.partition for c in reader.read({}, reader.ends(), SCHEMA)} == {0, 1}


def test_a_reader_finds_a_new_partition_and_reads_it_from_its_start(log: Log) -> None:
    reader = log.reader(QUEUE)
    log.writer().append(QUEUE, batch([1]), arrived_at_us=1).result()
    position = reader.ends()
    log.writer().append(QUEUE, batch([2]), arrived_at_us=2).result()
    assert numbers(reader, position) == [2]


@pytest.mark.parametrize(
    ("start", "stop"), [({0: 11}, {0: 11}), ({0: 0}, {0: 11}), ({5: 1}, {0: 10}), ({}, {5: 1}), ({0: 6}, {0: 5})]
)
def test_a_position_beyond_the_end_is_an_error_never_an_empty_read(
    log: Log, start: dict[int, int], stop: dict[int, int]
) -> None:
    log.writer().append(QUEUE, batch(range(10)), arrived_at_us=1).result()
    reader = log.reader(QUEUE)
    with pytest.raises(PositionOutOfRange):
        list(reader.read(start, stop, SCHEMA))
    with pytest.raises(PositionOutOfRange):
        reader.cut(start, stop, 1)
    with pytest.raises(PositionOutOfRange):
        reader.stored_bytes(start, stop)


def test_positions_are_checked_when_read_is_called(log: Log) -> None:
    with pytest.raises(PositionOutOfRange) as caught:
        log.reader(QUEUE).read({0: 3}, {}, SCHEMA)
    assert (caught.value.queue, caught.value.partition, caught.value.offset) == (QUEUE, 0, 3)


def test_a_cut_takes_whole_frames_in_merge_order_and_at_least_one(log: Log) -> None:
    one, two, reader = log.writer(), log.writer(), log.reader(QUEUE)
    for n in range(4):
        one.append(QUEUE, batch(range(100)), arrived_at_us=2 * n).result()
        two.append(QUEUE, batch(range(100)), arrived_at_us=2 * n + 1).result()
    ends = reader.ends()
    assert reader.cut({}, ends, 1) == {0: 100, 1: 0}
    assert reader.cut({0: 100}, ends, 1) == {0: 100, 1: 100}
    assert reader.cut({0: 150, 1: 100}, ends, 1) == {0: 200, 1: 100}
    assert reader.cut({0: 100, 1: 100}, {0: 130, 1: 100}, 1 << 30) == {0: 130, 1: 100}
    assert reader.cut({}, ends, 1 << 30) == ends
    assert reader.cut(ends, ends, 1 << 30) == ends
    half = reader.cut({}, ends, reader.stored_bytes({}, ends) // 2)
    assert half == {0: 200, 1: 200}


def test_cutting_again_and_again_covers_everything_once(log: Log) -> None:
    writer, reader = log.writer(), log.reader(QUEUE)
    for n in range(50):
        writer.append(QUEUE, batch(range(3 * n, 3 * n + 3)), arrived_at_us=n).result()
    position, found, ends = dict[int, int](), list[int](), reader.ends()
    while position != ends:
        following = reader.cut(position, ends, 2000)
        assert following != position
        found += numbers(reader, position, following)
        position = following
    assert found == list(range(150))


def test_stored_bytes_grow_with_the_range(log: Log) -> None:
    writer, reader = log.writer(), log.reader(QUEUE)
    for n in range(4):
        writer.append(QUEUE, batch(range(10)), arrived_at_us=n).result()
    sizes = [reader.stored_bytes({0: 0}, {0: stop}) for stop in (0, 10, 20, 40)]
    assert sizes[0] == 0
    assert sizes == sorted(set(sizes))


def test_the_oldest_arrival_at_a_position(log: Log) -> None:
    one, two, reader = log.writer(), log.writer(), log.reader(QUEUE)
    one.append(QUEUE, batch(range(3)), arrived_at_us=100).result()
    two.append(QUEUE, batch(range(3)), arrived_at_us=50).result()
    one.append(QUEUE, batch(range(3)), arrived_at_us=200).result()
    assert reader.arrived_at_us({}) == 50
    assert reader.arrived_at_us({1: 3}) == 100
    assert reader.arrived_at_us({0: 3, 1: 3}) == 200
    assert reader.arrived_at_us({0: 6, 1: 3}) is None


def test_newest_records_come_newest_first(log: Log) -> None:
    one, two, reader = log.writer(), log.writer(), log.reader(QUEUE)
    one.append(QUEUE, batch([0, 1]), arrived_at_us=1).result()
    two.append(QUEUE, batch([2, 3, 4]), arrived_at_us=2).result()
    one.append(QUEUE, batch([5]), arrived_at_us=3).result()
    assert reader.newest(4, SCHEMA).column("n").to_pylist() == [5, 4, 3, 2]
    assert reader.newest(100, SCHEMA).column("n").to_pylist() == [5, 4, 3, 2, 1, 0]
    assert reader.newest(0, SCHEMA).num_rows == 0


def test_a_grown_schema_reads_old_records_with_nulls(log: Log) -> None:
    writer, reader = log.writer(), log.reader(QUEUE)
    writer.append(QUEUE, batch([1]), arrived_at_us=1).result()
    writer.append(QUEUE, batch([2], GROWN), arrived_at_us=2).result()
    writer.append(QUEUE, batch([3]), arrived_at_us=3).result()
    rows = [r for c in reader.read({}, reader.ends(), GROWN) for r in c.batch.to_pylist()]
    assert [(r["n"], r["added"]) for r in rows] == [(1, None), (2, 1.0), (3, None)]
    assert numbers(reader) == [1, 2, 3]
    assert reader.newest(2, GROWN).column("added").to_pylist() == [None, 1.0]


def test_queues_do_not_mix(log: Log) -> None:
    writer = log.writer()
    futures = [writer.append(q, batch([n]), arrived_at_us=n) for n in range(20) for q in (QUEUE, OTHER)]
    assert {f.result().partition for f in futures} == {0}
    assert numbers(log.reader(QUEUE)) == numbers(log.reader(OTHER)) == list(range(20))


def test_a_repeated_batch_id_is_stored_once(log: Log) -> None:
    writer, reader = log.writer(), log.reader(QUEUE)
    first = writer.append(QUEUE, batch([1, 2]), arrived_at_us=1, batch_id="b-1").result()
    writer.append(QUEUE, batch([3]), arrived_at_us=2).result()
    again = writer.append(QUEUE, batch([1, 2]), arrived_at_us=3, batch_id="b-1").result()
    assert (again.partition, again.offset, again.count) == (first.partition, first.offset, first.count)
    assert again.repeated and not first.repeated
    assert numbers(reader) == [1, 2, 3]


def test_a_repeated_batch_id_is_known_to_every_writer(log: Log) -> None:
    one, two, reader = log.writer(), log.writer(), log.reader(QUEUE)
    first = one.append(QUEUE, batch([1]), arrived_at_us=1, batch_id="b").result()
    again = two.append(QUEUE, batch([1]), arrived_at_us=2, batch_id="b").result()
    assert again.repeated and (again.partition, again.offset) == (first.partition, first.offset)
    assert reader.ends() == {0: 1}


def test_twins_sent_together_are_stored_once(log: Log) -> None:
    writer, reader = log.writer(), log.reader(QUEUE)
    results = [writer.append(QUEUE, batch([7]), arrived_at_us=1, batch_id="twin") for _ in range(10)]
    assert sorted(f.result().repeated for f in results) == [False] + [True] * 9
    assert numbers(reader) == [7]


def test_a_batch_id_is_forgotten_after_a_day_and_belongs_to_its_queue(log: Log) -> None:
    writer = log.writer()
    day = 86_400 * 1_000_000
    writer.append(QUEUE, batch([1]), arrived_at_us=1, batch_id="b").result()
    assert not writer.append(OTHER, batch([1]), arrived_at_us=1, batch_id="b").result().repeated
    assert writer.append(QUEUE, batch([1]), arrived_at_us=day, batch_id="b").result().repeated
    assert not writer.append(QUEUE, batch([1]), arrived_at_us=day + 2, batch_id="b").result().repeated


def test_a_dropped_queue_refuses_appends_and_is_empty(log: Log) -> None:
    writer, reader = log.writer(), log.reader(QUEUE)
    writer.append(QUEUE, batch([1]), arrived_at_us=1).result()
    log.drop(QUEUE)
    log.drop(QUEUE)
    with pytest.raises(QueueClosed):
        writer.append(QUEUE, batch([2]), arrived_at_us=2).result()
    with pytest.raises(QueueClosed):
        log.writer().append(QUEUE, batch([2]), arrived_at_us=2, batch_id="b").result()
    assert reader.ends() == {}
    successor = QueueId(QUEUE.owner, QUEUE.repo, QUEUE.incarnation + 1)
    assert writer.append(successor, batch([3]), arrived_at_us=3).result().offset == 0


def test_an_empty_batch_is_refused(log: Log) -> None:
    with pytest.raises(ValueError, match="at least one record"):
        log.writer().append(QUEUE, batch([]), arrived_at_us=1)


def test_closing_answers_what_waits_and_a_closed_writer_refuses(log: Log) -> None:
    writer = log.writer()
    futures = [writer.append(QUEUE, batch([n]), arrived_at_us=n) for n in range(50)]
    writer.close()
    assert all(f.done() for f in futures)
    assert numbers(log.reader(QUEUE)) == list(range(50))
    with pytest.raises(ValueError, match="closed"):
        writer.append(QUEUE, batch([1]), arrived_at_us=1)
