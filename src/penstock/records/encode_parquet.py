"""Parquet files: snappy, microsecond timestamps in UTC, read by Spark, Hive, DuckDB and Arrow alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 122_880
ROW_GROUP_BYTES = 32 * 1024 * 1024
_UNIT_ROWS = 1024
_PAGE_BYTES = 1024 * 1024


def write_parquet(batches: Iterator[pa.RecordBatch], schema: pa.Schema, out: BinaryIO) -> int:
    """All batches as one Parquet file; a row group is written as soon as it is full. Returns the number of records.
    `jsonstring` and `ip` columns keep their type's name in the field's metadata."""
    records = 0
    with pq.ParquetWriter(
        out, schema, compression="snappy", version="2.6", coerce_timestamps="us", data_page_size=_PAGE_BYTES
    ) as writer:
        for group in row_groups(batches):
            writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
            records += group.num_rows
    return records


def row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same records in tables of at most `ROW_GROUP_ROWS` and about `ROW_GROUP_BYTES`. Bounds fall on every 1024th
    record only and depend on the records alone, not on how they came in batches."""
    group: list[pa.RecordBatch] = []
    rows = size = 0
    for unit in _units(batches):
        group.append(unit)
        rows += unit.num_rows
        size += unit.nbytes
        if rows >= ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(group).combine_chunks()
            group, rows, size = [], 0, 0
    if group:
        yield pa.Table.from_batches(group).combine_chunks()


def _units(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same records, 1024 a batch."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            part = batch.slice(start, _UNIT_ROWS - rows)
            start += part.num_rows
            rows += part.num_rows
            waiting.append(part)
            if rows == _UNIT_ROWS:
                yield pa.concat_batches(waiting)
                waiting, rows = [], 0
    if waiting:
        yield pa.concat_batches(waiting)
