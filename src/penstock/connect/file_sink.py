"""The sink of whole files in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import pyarrow as pa

from penstock.connect.buckets import Bucket
from penstock.connect.file_mark import FlowMark
from penstock.connect.interface import Cut, CutPolicy, Written
from penstock.connect.key_prefix import resolve_name
from penstock.model.crashpoint import crashpoint
from penstock.records.counting_writer import CountingWriter
from penstock.records.encode import Format
from penstock.records.project import Projection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FileLayout:
    """How files are named and written, and for how long they stay (microseconds; None: for ever)."""

    format: Format
    prefix: str
    timezone: tzinfo
    keep_us: int | None = None


class FileSink:
    """Writes one file per cut: first under a temporary name, then published whole under its own."""

    def __init__(self, bucket: Bucket, projection: Projection, layout: FileLayout, policy: CutPolicy) -> None:
        self._bucket = bucket
        self._projection = projection
        self._layout = layout
        self.policy = policy

    @property
    def source(self) -> pa.Schema:
        return self._projection.source

    def target(self, cut: Cut) -> str:
        """prefix[stamp]_<flow>-<creation second, hex>-<sequence>.<extension> (file_mark.py)."""
        at = (_EPOCH + timedelta(microseconds=cut.at_us)).astimezone(self._layout.timezone)
        mark = FlowMark.of(cut.flow, cut.created_at_us).name(cut.sequence)
        return resolve_name(self._layout.prefix, at, mark) + self._layout.format.extension

    def measure(self, batches: Iterator[pa.RecordBatch]) -> int:
        counter = CountingWriter()
        self._layout.format.write(map(self._projection.apply, batches), self._projection.target, counter.as_file())
        return counter.size

    def write(self, target: str, batches: Iterator[pa.RecordBatch], at_us: int) -> Written:
        upload = self._bucket.create(target)
        try:
            counter = CountingWriter(upload.file)
            projected = map(self._projection.apply, batches)
            records = self._layout.format.write(projected, self._projection.target, counter.as_file())
            crashpoint("export.file.written")
            upload.publish()
        finally:
            upload.discard()
        keep = self._layout.keep_us
        return Written(records, counter.size, None if keep is None else at_us + keep)

    def close(self) -> None:
        """Nothing is held between writes."""
