"""Dropping a queue: its records go, everywhere at once, and a crash on the way is finished later."""

from __future__ import annotations

from log.support import PLAIN, QUEUE, numbers, put
from penstock.log import drop_queue, open_reader, open_writer, recover_all
from penstock.log.layout import closed_path, dropped_path, queues
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

OTHER = QueueId("acme", "weblogs", 2)


def test_nothing_is_left_but_the_mark_until_the_next_start(data: DataDir) -> None:
    writer = open_writer(data, PLAIN)
    put(writer, [1])
    put(writer, [2], queue=OTHER)
    drop_queue(data, QUEUE)
    writer.close()
    assert list(queues(data)) == [OTHER]
    assert {p.name for p in (data.log / "acme").iterdir()} == {"weblogs-1.closed", "weblogs-2"}
    recover_all(data)
    assert {p.name for p in (data.log / "acme").iterdir()} == {"weblogs-2"}
    assert numbers(open_reader(data, OTHER)) == [2]


def test_a_drop_that_a_crash_interrupted_is_finished_at_start(data: DataDir) -> None:
    writer = open_writer(data, PLAIN)
    for incarnation in (1, 2, 3):
        put(writer, [1], queue=QueueId("acme", "weblogs", incarnation))
    writer.close()
    closed_path(data, QUEUE).touch()
    closed_path(data, OTHER).touch()
    data.queue(OTHER).rename(dropped_path(data, OTHER))
    recover_all(data)
    assert [p.name for p in (data.log / "acme").iterdir()] == ["weblogs-3"]


def test_a_queue_that_was_never_written_to_can_be_dropped(data: DataDir) -> None:
    drop_queue(data, QUEUE)
    assert open_reader(data, QUEUE).ends() == {}
