from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connect.interface import CutPolicy
from penstock.log import MemoryLog
from penstock.model.repo import QueueId
from penstock.stream.gathering import Gathering, due_after_s, is_behind

QUEUE = QueueId("o", "r", 1)
FRAME = 800
"""Stored bytes of the appends here."""


def append(log: MemoryLog, writer: Any, at_us: int = 0) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(range(100), pa.int64())], ["n"])
    writer.append(QUEUE, batch, arrived_at_us=at_us).result()


@given(st.lists(st.integers(0, 1), min_size=1, max_size=30), st.integers(1, 12 * FRAME), st.integers(1, 5))
def test_a_file_never_grows_far_beyond_its_budget_and_nothing_is_left_between(
    writers: list[int], budget: int, step: int
) -> None:
    log = MemoryLog()
    both = [log.writer(), log.writer()]
    reader = log.reader(QUEUE)
    position: dict[int, int] = {}
    gathering = Gathering(reader, position)
    files = []
    for i, writer in enumerate(writers):
        append(log, both[writer], i)
        if i % step and i < len(writers) - 1:
            continue
        while gathering.look(reader.ends(), budget):
            files.append(reader.stored_bytes(position, gathering.upto))
            position = gathering.upto
            gathering = Gathering(reader, position)
    assert all(size <= max(budget, FRAME) for size in files)
    assert all(size > budget - FRAME for size in files)
    left = reader.stored_bytes(position, reader.ends())
    assert left < budget
    assert sum(files) + left == len(writers) * FRAME


def test_a_look_costs_what_is_new_and_at_most_one_file() -> None:
    log = MemoryLog()
    writer = log.writer()
    for i in range(1000):
        append(log, writer, i)
    reader = log.reader(QUEUE)
    loaded: list[int] = []
    plain = reader.cut
    reader.cut = lambda *a: loaded.append(a[2]) or plain(*a)  # type: ignore[method-assign,assignment]
    gathering = Gathering(reader, {})
    assert gathering.look(reader.ends(), 5 * FRAME)
    assert gathering.upto == {0: 500}
    assert gathering.look(reader.ends(), 5 * FRAME)
    assert loaded == [5 * FRAME]


def test_records_wait_from_their_arrival_or_from_when_they_were_seen() -> None:
    log = MemoryLog()
    append(log, log.writer(), 5_000_000)
    reader = log.reader(QUEUE)
    gathering = Gathering(reader, {})
    assert gathering.waited_s(8_000_000, 1.0) == 3.0
    assert gathering.waited_s(1_000_000, 1.0) == 1.0
    assert Gathering(reader, {0: 100}).waited_s(8_000_000, 1.0) is None


@pytest.mark.parametrize(("interval", "due"), [(None, 100.0), (60.0, 60.0), (600.0, 100.0)])
def test_nothing_waits_longer_than_the_buffer_allows(interval: float | None, due: float) -> None:
    assert due_after_s(CutPolicy(1, True, interval), 100.0) == due


def test_behind() -> None:
    assert is_behind({}, {0: 1})
    assert is_behind({0: 1, 1: 1}, {0: 1, 1: 2})
    assert not is_behind({0: 1}, {0: 1, 1: 0})
