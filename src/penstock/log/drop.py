"""Removing the log of a dropped incarnation."""

from __future__ import annotations

from penstock.log.files import disk, make_folders, remove_tree, write_durable
from penstock.log.layout import closed_path, closed_queues, dropped_path
from penstock.model.crashpoint import crashpoint
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId


def drop_queue(data: DataDir, queue: QueueId) -> None:
    """Close the queue in every process and remove its records; again after a crash, it goes on. An append that was not
    answered before this returns is refused with QueueClosed. Raises OSError."""
    mark = closed_path(data, queue)
    make_folders(mark.parent)
    write_durable(mark, b"")
    crashpoint("log.drop.marked")
    _remove(data, queue)


def finish_drops(data: DataDir) -> None:
    """At start, while no writer is alive: remove what was being dropped, and the marks. The catalog has forgotten these
    incarnations, or drops them again."""
    for queue in list(closed_queues(data)):
        _remove(data, queue)
        disk().unlink(closed_path(data, queue))


def _remove(data: DataDir, queue: QueueId) -> None:
    folder, moved = data.queue(queue), dropped_path(data, queue)
    remove_tree(moved)
    if folder.is_dir():
        disk().rename(folder, moved)
        disk().sync_folder(folder.parent)
        crashpoint("log.drop.moved")
        remove_tree(moved)
