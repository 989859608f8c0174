"""Sealed segments are rewritten with zstd bodies, frame by frame, and put in the old one's place in one step."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec
import pyarrow as pa

from penstock.log import index as index_file
from penstock.log.files import TEMP_SUFFIX, disk
from penstock.log.frame import BadFrame, Codec, assemble, stored_body
from penstock.log.index import SparseIndex
from penstock.log.interface import CorruptLog
from penstock.log.layout import index_path
from penstock.log.sealed import SealedSegment, sealed_segments
from penstock.log.segment import SegmentFile, encode_head
from penstock.log.slots import maintenance
from penstock.model.crashpoint import crashpoint
from penstock.model.datadir import DataDir

ZSTD_LEVEL = 3


class Compressed(msgspec.Struct, frozen=True):
    """What a round of compression did: segments rewritten, their bytes before and after, damage met (left as it is)."""

    segments: int
    bytes_before: int
    bytes_after: int
    damaged: list[CorruptLog]


def compress_sealed(data: DataDir, limit: int | None = None, done: set[Path] | None = None) -> Compressed:
    """Compress at most `limit` sealed segments that are not yet. Readers that have the old file open keep it. `done`
    is what the last rounds have looked at, kept by the caller: those, damaged ones too, are not opened again. Raises
    OSError."""
    count = before = after = 0
    damaged = []
    found = [s for line in sealed_segments(data) for s in line]
    done = set() if done is None else done
    done &= {s.path for s in found}
    for segment in found:
        if limit is not None and count >= limit:
            break
        if segment.path in done:
            continue
        with maintenance(data.slots):
            try:
                sizes = _compress(segment)
            except FileNotFoundError:
                continue  # dropped since it was listed
            except BadFrame as bad:
                damaged.append(CorruptLog(str(segment.path), 0, segment.path.stat().st_size, str(bad)))
                done.add(segment.path)
                continue
        done.add(segment.path)
        if sizes is not None:
            count, before, after = count + 1, before + sizes[0], after + sizes[1]
    return Compressed(count, before, after, damaged)


def _compress(segment: SealedSegment) -> tuple[int, int] | None:
    """Sizes before and after; None when it is compressed already. Raises BadFrame: damage must not get a good CRC."""
    file = SegmentFile(segment.path)
    try:
        if file.head.compressed:
            return None
        head = msgspec.structs.replace(file.head, compressed=True)
        encoded = encode_head(head)
        index = SparseIndex(segment.base, len(encoded))
        temp = segment.path.with_name(segment.path.name + TEMP_SUFFIX)
        fd = disk().create(temp)
        try:
            disk().write(fd, [encoded], 0)
            _copy(file, fd, index, segment.end)
            disk().sync(fd)
        except BaseException:
            with suppress(OSError):
                disk().unlink(temp)
            raise
        finally:
            disk().close(fd)
        crashpoint("log.compress.written")
        disk().rename(temp, segment.path)
        crashpoint("log.compress.renamed")
        disk().sync_folder(segment.folder)
        index_file.store(index, head, index.end_position, index_path(segment.folder, segment.base))
        return file.size(), index.end_position
    finally:
        file.close()


def _copy(file: SegmentFile, fd: int, index: SparseIndex, end_offset: int) -> None:
    codec = pa.Codec("zstd", compression_level=ZSTD_LEVEL)
    position, size = file.first_frame, file.size()
    while index.end_offset < end_offset:
        header = file.header(position, size)
        if header.base_offset != index.end_offset:
            raise BadFrame("the frame does not follow the one before it")
        rest = file.rest(position, header, size)
        # as bytes: a memoryview of the Buffer that Arrow returns would show its capacity, not its length
        body = memoryview(codec.compress(stored_body(header, rest), asbytes=True))
        note = bytes(rest[: header.note_bytes])
        frame = assemble(msgspec.structs.replace(header, codec=Codec.ZSTD), note, body)
        disk().write(fd, frame.buffers, index.end_position)
        index.add(frame.header, index.end_position)
        position += header.size
