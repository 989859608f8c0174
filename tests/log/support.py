"""Batches, queues and data directories for the log's tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path

import pyarrow as pa

from penstock.log.interface import Appended, LogReader
from penstock.log.layout import segment_bases, segment_path
from penstock.log.settings import LogSettings
from penstock.log.writer import SegmentWriter
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

QUEUE = QueueId("acme", "weblogs", 1)
SCHEMA = pa.schema([("n", pa.int64()), ("text", pa.string())])
GROWN = pa.schema([*SCHEMA, pa.field("added", pa.float64())])
TINY = LogSettings(segment_bytes=4096, disk_reserve_bytes=0, tick_s=3600)
PLAIN = LogSettings(disk_reserve_bytes=0, tick_s=3600)


def batch(numbers: Iterable[int], schema: pa.Schema = SCHEMA) -> pa.RecordBatch:
    """A record for each number; its text repeats it."""
    rows = [{"n": n, "text": f"record {n}", "added": n / 2} for n in numbers]
    return pa.RecordBatch.from_pylist([{k: r[k] for k in schema.names} for r in rows], schema=schema)


def put(
    writer: SegmentWriter, numbers: Iterable[int], *, at: int = 0, queue: QueueId = QUEUE, batch_id: str | None = None
) -> Appended:
    """Append and wait."""
    future: Future[Appended] = writer.append(queue, batch(numbers), arrived_at_us=at, batch_id=batch_id)
    return future.result(timeout=30)


def numbers(
    reader: LogReader, start: Mapping[int, int] | None = None, stop: Mapping[int, int] | None = None
) -> list[int]:
    """The numbers that a range holds, in merge order; checks that the other column agrees."""
    found: list[int] = []
    for chunk in reader.read(start or {}, reader.ends() if stop is None else stop, SCHEMA):
        rows = chunk.batch.to_pylist()
        assert [r["text"] for r in rows] == [f"record {r['n']}" for r in rows]
        found += [r["n"] for r in rows]
    return found


def partition_folder(data: DataDir, queue: QueueId = QUEUE, partition: int = 0) -> Path:
    return data.queue(queue) / str(partition)


def segments(data: DataDir, queue: QueueId = QUEUE, partition: int = 0) -> list[Path]:
    """The segment files of a partition, oldest first."""
    folder = partition_folder(data, queue, partition)
    return [segment_path(folder, base) for base in segment_bases(folder)]
