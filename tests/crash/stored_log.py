"""A repo's records as they lie in the log, read twice: from the files alone, and by the log's own reader."""

from __future__ import annotations

from typing import Any

from crash.canon import Row, from_arrow
from crash.content import SCHEMA
from crash.frames import read_partition
from penstock.log import open_reader
from penstock.model.datadir import DataDir
from penstock.model.limits import Limits
from penstock.model.repo import QueueId
from penstock.model.schema import parse_schema

Partitions = dict[int, list[tuple[int, Row]]]
"""{partition: [(offset, record)]}, by offset."""


def stored_rows(data: DataDir, owner: str, repo: str) -> Partitions:
    """By the format of the files (frames.py). Raises ValueError when they are not whole."""
    folder = data.queue(_queue(data, owner, repo))
    return {
        int(partition.name): [(offset, _row(record)) for offset, record in read_partition(partition)]
        for partition in folder.iterdir()
        if partition.name.isdigit()
    }


def read_rows_of_log(data: DataDir, owner: str, repo: str) -> Partitions:
    """By the reader that exports use."""
    reader = open_reader(data, _queue(data, owner, repo))
    found: Partitions = {partition: [] for partition in reader.ends()}
    for chunk in reader.read(reader.starts(), reader.ends(), parse_schema(SCHEMA, Limits()).arrow()):
        found[chunk.partition] += [
            (offset, _row(record)) for offset, record in enumerate(chunk.batch.to_pylist(), chunk.offset)
        ]
    reader.close()
    return found


def _queue(data: DataDir, owner: str, repo: str) -> QueueId:
    """The newest incarnation that has a folder."""
    found = [p.name.rpartition("-")[2] for p in (data.log / owner).iterdir() if p.name.rpartition("-")[0] == repo]
    return QueueId(owner, repo, max(int(n) for n in found if n.isdigit()))


def _row(record: dict[str, Any]) -> Row:
    return from_arrow(record, SCHEMA)
