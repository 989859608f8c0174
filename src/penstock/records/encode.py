"""Batches to file bytes: the formats of file exports, alone or gzipped.

    json      an object a line (encode_json.py)
    text      the posting format, a record a line (encode_text.py)
    csv       quoted by RFC 4180, no header line (encode_csv.py)
    parquet   one file, snappy (encode_parquet.py)

The same records in the same order give the same bytes, however they are cut into batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from penstock.records.encode_csv import csv_lines
from penstock.records.encode_json import json_lines
from penstock.records.encode_parquet import write_parquet
from penstock.records.encode_text import text_lines
from penstock.records.gzip_writer import GzipWriter

FORMATS = ("json", "text", "csv", "parquet")

_EXTENSIONS = {"json": ".json", "text": ".txt", "csv": ".csv", "parquet": ".parquet"}
_MERGE_BYTES = 4 * 1024 * 1024
_MERGE_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a file. `delimiter` is for csv alone; `gzip` is without effect on parquet, which compresses its
    columns itself."""

    name: str
    delimiter: str = ","
    gzip: bool = False

    @property
    def extension(self) -> str:
        return _EXTENSIONS[self.name] + (".gz" if self.gzip and self.name != "parquet" else "")

    def write(self, batches: Iterator[pa.RecordBatch], schema: pa.Schema, out: BinaryIO) -> int:
        """Write all batches (of `schema`) to `out`, chunk by chunk; returns the number of records."""
        if self.name == "parquet":
            return write_parquet(batches, schema, out)
        if not self.gzip:
            return self._write_lines(batches, out.write)
        with GzipWriter(out) as zipped:
            return self._write_lines(batches, zipped.write)

    def _write_lines(self, batches: Iterator[pa.RecordBatch], put: Callable[[memoryview], object]) -> int:
        records = 0
        for batch in merge_small(batches):
            records += batch.num_rows
            put(self._lines(batch))
        return records

    def _lines(self, batch: pa.RecordBatch) -> memoryview:
        match self.name:
            case "json":
                return json_lines(batch)
            case "text":
                return text_lines(batch)
            case "csv":
                return csv_lines(batch, self.delimiter)
        raise ValueError(f"no such format: {self.name!r}")


def merge_small(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same records in batches that are worth a call of the encoders and fit into memory several times over: small
    ones are joined, large ones sliced."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        for part in _slices(batch):
            if waiting and (rows + part.num_rows > _MERGE_ROWS or size + part.nbytes > _MERGE_BYTES):
                yield _joined(waiting)
                waiting, rows, size = [], 0, 0
            waiting.append(part)
            rows += part.num_rows
            size += part.nbytes
    if waiting:
        yield _joined(waiting)


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if not batch.num_rows:
        return
    pieces = max(batch.nbytes // _MERGE_BYTES, batch.num_rows // _MERGE_ROWS) + 1
    step = -(-batch.num_rows // pieces)
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
