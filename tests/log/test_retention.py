"""Retention: by age and by size, never past a live flow, whole segments."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from log.support import QUEUE, SCHEMA, TINY, numbers, partition_folder, put, segments
from penstock.log import LogSettings, files, open_reader, open_writer, recover_all
from penstock.log.compress import compress_sealed
from penstock.log.files import Disk
from penstock.log.interface import PositionOutOfRange
from penstock.log.retention import Floors, HeldTooLong, Sweep, retention_clock, sweep
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

OTHER = QueueId("acme", "other", 1)
HOUR_US = 3600 * 1_000_000
KEEP = LogSettings(retention_share=1.0, hold_cap=1.0)


def run(data: DataDir, floors: Floors | None = None, settings: LogSettings = KEEP) -> Sweep:
    return sweep(data, settings, floors or {}, retention_clock(data, settings))


def filled(data: DataDir, queue: QueueId = QUEUE, hours_ago: float = 0.0) -> int:
    """400 records in small segments, one appended each hour up to `hours_ago`; the first offset of the active one."""
    writer = open_writer(data, TINY)
    now = time.time_ns() // 1000
    for n in range(40):
        at = now - int((hours_ago + 39 - n) * HOUR_US)
        put(writer, range(10 * n, 10 * n + 10), at=at, queue=queue)
    writer.close()
    return int(segments(data, queue)[-1].stem)


def test_segments_whose_newest_record_is_too_old_go(data: DataDir) -> None:
    active = filled(data, hours_ago=100)
    done = run(data)
    reader = open_reader(data, QUEUE)
    assert reader.starts() == {0: active}
    assert numbers(reader) == list(range(active, 400))
    assert (done.records, done.paused, done.must_fail) == (active, False, [])
    assert done.segments > 3 and done.bytes > 0
    assert {p.suffix for p in partition_folder(data).iterdir()} == {"", ".seg"}
    with pytest.raises(PositionOutOfRange):
        reader.read({0: 0}, {0: 400}, SCHEMA)


def test_younger_segments_stay(data: DataDir) -> None:
    filled(data, hours_ago=30)
    done = run(data)
    start = open_reader(data, QUEUE).starts()[0]
    assert 0 < start < 400 - 10 * 17
    assert done.records == start
    assert run(data).segments == 0


def test_nothing_goes_that_a_live_flow_has_not_read(data: DataDir) -> None:
    active = filled(data, hours_ago=100)
    slow = int(segments(data)[2].stem) + 1
    floors = {QUEUE: {1: {0: 400}, 2: {0: slow}}}
    run(data, floors)
    assert open_reader(data, QUEUE).starts() == {0: int(segments(data)[0].stem)}
    assert open_reader(data, QUEUE).starts()[0] <= slow < int(segments(data)[1].stem)
    run(data, {QUEUE: {1: {0: 400}, 3: {}}})
    assert open_reader(data, QUEUE).starts()[0] <= slow, "a flow without a position for a partition has read nothing"
    run(data, {QUEUE: {1: {0: 400}}, OTHER: {9: {}}})
    assert open_reader(data, QUEUE).starts() == {0: active}


class SmallDisk(Disk):
    """A disk of a chosen size."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def total_bytes(self, path: Path) -> int:
        return self._size


def stored(data: DataDir) -> int:
    return sum(p.stat().st_size for p in data.log.rglob("*.seg"))


def test_a_full_share_drops_the_oldest_of_all_queues(data: DataDir) -> None:
    filled(data, QUEUE, hours_ago=1)
    filled(data, OTHER, hours_ago=40)
    size = stored(data)
    settings = LogSettings(retention_share=0.5, hold_cap=0.9, retention_age_s=1e9)
    with files.replace(SmallDisk(int(size * 1.2))):
        done = run(data, settings=settings)
    assert size * 0.4 < stored(data) <= size * 0.6
    assert done.must_fail == []
    assert open_reader(data, QUEUE).starts() == {0: 0}
    assert open_reader(data, OTHER).starts()[0] > 200


def test_a_slow_flow_holds_segments_up_to_the_cap_and_then_must_fail(data: DataDir) -> None:
    active = filled(data)
    size = stored(data)
    settings = LogSettings(retention_share=0.3, hold_cap=0.6, retention_age_s=1e9)
    floors: dict[QueueId, dict[int, dict[int, int]]] = {QUEUE: {1: {0: 400}, 7: {0: 5}}}
    with files.replace(SmallDisk(2 * size)):
        done = run(data, floors, settings)
        assert (done.segments, done.must_fail) == (0, []), "held, but below the cap"
    with files.replace(SmallDisk(int(1.2 * size))):
        done = run(data, floors, settings)
        assert done.segments == 0
        [held] = done.must_fail
        assert held == HeldTooLong(7, QUEUE, held.records)
        assert 50 < held.records < active - 5
        del floors[QUEUE][7]
        done = run(data, floors, settings)
        assert done.segments > 0
        assert stored(data) <= 0.36 * size + TINY.segment_bytes


def test_a_clock_that_jumped_drops_nothing_by_age(data: DataDir) -> None:
    filled(data, hours_ago=1)
    clock = retention_clock(data, KEEP)
    assert not sweep(data, KEEP, {}, clock).paused
    path = data.slots / "retention.clock"
    path.write_bytes(str(time.time_ns() // 1000 + 10 * HOUR_US).encode())
    done = run(data, settings=LogSettings(retention_age_s=0, retention_share=1.0))
    assert (done.paused, done.segments) == (True, 0)
    path.write_bytes(str(time.time_ns() // 1000 - 10 * HOUR_US).encode())
    done = run(data, settings=LogSettings(retention_age_s=0, retention_share=1.0))
    assert (done.paused, done.segments) == (True, 0)
    path.unlink()
    assert run(data, settings=LogSettings(retention_age_s=0, retention_share=1.0)).segments > 3


def test_damage_ends_what_retention_may_drop(data: DataDir) -> None:
    filled(data, hours_ago=100)
    second = segments(data)[1]
    second.write_bytes(b"damaged")
    assert run(data).segments == 1
    assert segments(data)[0] == second


def test_compressed_segments_go_too_and_a_drop_outlives_a_restart(data: DataDir) -> None:
    active = filled(data, hours_ago=100)
    compress_sealed(data)
    for path in partition_folder(data).glob("*.idx"):
        path.unlink()
    run(data)
    recover_all(data)
    assert open_reader(data, QUEUE).starts() == {0: active}
    writer = open_writer(data, TINY)
    assert put(writer, [400]).offset == 400
    writer.close()


def test_a_read_that_retention_overtakes_is_out_of_range_not_damage(data: DataDir) -> None:
    filled(data, hours_ago=100)
    reader = open_reader(data, QUEUE)
    reading = reader.read({}, reader.ends(), SCHEMA)
    next(reading)
    run(data)
    with pytest.raises(PositionOutOfRange):
        list(reading)


def test_a_queue_that_is_dropped_meanwhile_does_not_stop_the_sweep(data: DataDir) -> None:
    """A dangling link is a file that is listed and then gone."""
    filled(data, hours_ago=100)
    (data.queue(QUEUE) / "9").mkdir()
    (data.queue(QUEUE) / "9" / "00000000000000000000.seg").symlink_to("gone")
    assert run(data).segments > 0
