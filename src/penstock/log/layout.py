"""Names inside a queue's folder. The only place that knows them.

log/<owner>/<repo>-<incarnation>.closed         the queue was dropped
log/<owner>/<repo>-<incarnation>/batch-ids      locked while a batch id is being stored
log/<owner>/<repo>-<incarnation>/<partition>/   one writer's log
    watermark                                   how far it is durable
    00000000000000000000.seg                    a segment, named by its first offset
    00000000000000000000.idx, .ids              caches: byte positions, batch ids
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from penstock.log.files import TEMP_SUFFIX
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

SEGMENT = ".seg"
INDEX = ".idx"
IDS = ".ids"
WATERMARK = "watermark"
CLOSED = ".closed"
DROPPED = ".dropped"
BATCH_IDS = "batch-ids"
DIGITS = 20


def segment_path(folder: Path, base: int) -> Path:
    return folder / f"{base:0{DIGITS}}{SEGMENT}"


def index_path(folder: Path, base: int) -> Path:
    return folder / f"{base:0{DIGITS}}{INDEX}"


def ids_path(folder: Path, base: int) -> Path:
    return folder / f"{base:0{DIGITS}}{IDS}"


def segment_bases(folder: Path) -> list[int]:
    """First offsets of the segments of a partition, ascending; empty when the folder is missing."""
    return _bases(folder, SEGMENT)


def stray_files(folder: Path) -> Iterator[Path]:
    """What a crash may leave in a partition: unfinished files, caches without their segment."""
    bases = set(segment_bases(folder))
    for name in _names(folder):
        path = folder / name
        cache = path.suffix in (INDEX, IDS) and path.stem.isdigit() and int(path.stem) not in bases
        if name.endswith(TEMP_SUFFIX) or cache:
            yield path


def partitions(folder: Path) -> list[int]:
    """Partitions of a queue, ascending; empty when the folder is missing."""
    return sorted(int(n) for n in _names(folder) if n.isdigit())


def queues(data: DataDir) -> Iterator[QueueId]:
    """Every queue with a folder in the log."""
    return _queues(data, "")


def closed_path(data: DataDir, queue: QueueId) -> Path:
    folder = data.queue(queue)
    return folder.with_name(folder.name + CLOSED)


def dropped_path(data: DataDir, queue: QueueId) -> Path:
    """Where a dropped queue's folder goes before it is removed."""
    folder = data.queue(queue)
    return folder.with_name(folder.name + DROPPED)


def closed_queues(data: DataDir) -> Iterator[QueueId]:
    """Every queue with the mark of being dropped."""
    return _queues(data, CLOSED)


def _queues(data: DataDir, suffix: str) -> Iterator[QueueId]:
    for owner in sorted(_names(data.log)):
        for name in sorted(_names(data.log / owner)):
            repo, _, incarnation = name.removesuffix(suffix).rpartition("-")
            if name.endswith(suffix) and repo and incarnation.isdigit():
                yield QueueId(owner, repo, int(incarnation))


def _bases(folder: Path, suffix: str) -> list[int]:
    return sorted(int(n[:DIGITS]) for n in _names(folder) if n.endswith(suffix) and n[:DIGITS].isdigit())


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  a hot path: no Path per name
    except (FileNotFoundError, NotADirectoryError):
        return []
