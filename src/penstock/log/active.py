"""The segment that a writer adds to."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from penstock.log import index as index_file
from penstock.log.files import TEMP_SUFFIX, disk
from penstock.log.frame import Frame
from penstock.log.index import SparseIndex
from penstock.log.layout import index_path, segment_path
from penstock.log.segment import Head, SegmentFile, encode_head, schema_message
from penstock.model.crashpoint import crashpoint
from penstock.model.repo import QueueId


@dataclass(slots=True)
class ActiveSegment:
    """An open segment: `position` and `next_offset` are its published end. `spoilt` after a failed write or sync:
    nothing may be added. `named` once the file stands under its own name, durably."""

    folder: Path
    head: Head
    schema: pa.Schema
    fd: int
    position: int
    next_offset: int
    index: SparseIndex
    named: bool
    spoilt: bool = False

    @classmethod
    def create(cls, folder: Path, queue: QueueId, partition: int, base: int, schema: pa.Schema) -> ActiveSegment:
        """A new segment under a temporary name, its head written, nothing synced. Raises OSError."""
        schema_id, message = schema_message(schema)
        head = Head(queue, partition, base, schema_id, message, time.time_ns() // 1000)
        encoded = encode_head(head)
        temp = _temp_path(folder, base)
        fd = disk().create(temp)
        try:
            disk().write(fd, [encoded], 0)
        except OSError:
            disk().close(fd)
            with suppress(OSError):
                disk().unlink(temp)
            raise
        return cls(folder, head, schema, fd, len(encoded), base, SparseIndex(base, len(encoded)), named=False)

    @classmethod
    def reopen(cls, folder: Path, base: int, position: int, next_offset: int) -> ActiveSegment:
        """The segment that recovery left open. Raises BadFrame, NewerFormat, OSError."""
        path = segment_path(folder, base)
        file = SegmentFile(path)
        head, first_frame = file.head, file.first_frame
        file.close()
        fd = disk().open(path)
        index = SparseIndex(base, first_frame)
        return cls(folder, head, head.arrow_schema(), fd, position, next_offset, index, named=True)

    def write(self, frames: Sequence[Frame]) -> int:
        """Write frames after the published end and sync; the position after them. Raises OSError."""
        end = disk().write(self.fd, [b for f in frames for b in f.buffers], self.position)
        crashpoint("log.frame.written")
        disk().sync(self.fd)
        crashpoint("log.frame.synced")
        if not self.named:
            base = self.head.base_offset
            disk().rename(_temp_path(self.folder, base), segment_path(self.folder, base))
            crashpoint("log.segment.named")
            disk().sync_folder(self.folder)
            self.named = True
        return end

    def advance(self, frames: Sequence[Frame], end: int) -> None:
        """The frames are published: the segment now ends at byte `end`."""
        position = self.position
        for frame in frames:
            self.index.add(frame.header, position)
            position += frame.header.size
            self.next_offset = frame.header.end_offset
        assert position == end
        self.position = end

    def abandon(self) -> None:
        """A write failed: have the file end where it was published, if it can still be changed. Never raises."""
        self.spoilt = True
        if self.named:
            with suppress(OSError):  # recovery cuts what could not be cut here
                disk().truncate(self.fd, self.position)
        else:
            with suppress(OSError):
                disk().unlink(_temp_path(self.folder, self.head.base_offset))

    def seal(self) -> None:
        """A later segment has begun: keep the index, let go of the file. Never raises."""
        if self.index.end_position == self.position:
            path = index_path(self.folder, self.head.base_offset)
            size = os.fstat(self.fd).st_size
            with suppress(OSError):  # only a cache
                index_file.store(self.index, self.head, size, path)
        self.close()
        crashpoint("log.segment.sealed")

    def close(self) -> None:
        disk().close(self.fd)


def _temp_path(folder: Path, base: int) -> Path:
    path = segment_path(folder, base)
    return path.with_name(path.name + TEMP_SUFFIX)
