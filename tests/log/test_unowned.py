"""Partitions without a writer: sealed by the others, so that retention can drop their last records too."""

from __future__ import annotations

import time

from log.support import QUEUE, numbers, put
from penstock.log import LogSettings, open_reader, open_writer
from penstock.log.retention import retention_clock, sweep
from penstock.log.unowned import seal_unowned
from penstock.model.datadir import DataDir

AGED = LogSettings(segment_age_s=0.001, retention_share=1.0, hold_cap=1.0, disk_reserve_bytes=0, tick_s=3600)
LONG_AGO_US = 1_000_000


def test_the_last_records_of_a_partition_that_nobody_writes_are_dropped_in_time(data: DataDir) -> None:
    first, second = open_writer(data, AGED), open_writer(data, AGED)
    put(first, range(10), at=LONG_AGO_US)
    put(second, range(10, 20), at=LONG_AGO_US)
    second.close()
    wait_until_aged(data)
    first.roll_old()
    first.close()
    done = sweep(data, AGED, {}, retention_clock(data, AGED))
    assert done.records == 20
    assert open_reader(data, QUEUE).starts() == {0: 10, 1: 10}


def test_a_partition_that_has_a_writer_is_left_to_it(data: DataDir) -> None:
    writer = open_writer(data, AGED)
    put(writer, range(10), at=LONG_AGO_US)
    wait_until_aged(data)
    seal_unowned(data, AGED)
    assert sweep(data, AGED, {}, retention_clock(data, AGED)).records == 0
    put(writer, range(10, 20))
    writer.close()
    assert numbers(open_reader(data, QUEUE)) == list(range(20))


def test_who_takes_the_partition_again_goes_on_behind_what_was_sealed(data: DataDir) -> None:
    writer = open_writer(data, AGED)
    put(writer, range(10))
    writer.close()
    wait_until_aged(data)
    seal_unowned(data, AGED)
    writer = open_writer(data, AGED)
    assert put(writer, range(10, 20)).offset == 10
    writer.close()
    assert numbers(open_reader(data, QUEUE)) == list(range(20))


def wait_until_aged(data: DataDir) -> None:
    written_at = max(p.stat().st_mtime for p in data.log.rglob("watermark"))
    while time.time() - written_at <= AGED.segment_age_s:
        pass
