"""Compression of sealed segments: the same records, fewer bytes, no reader disturbed, no damage laundered."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from log.support import PLAIN, QUEUE, TINY, numbers, put, segments
from penstock.log import LogSettings, files, open_reader, open_writer, recover_all
from penstock.log.compress import compress_sealed
from penstock.log.files import Disk
from penstock.log.interface import CorruptLog
from penstock.log.segment import SegmentFile
from penstock.model.datadir import DataDir

WIDE = LogSettings(segment_bytes=100_000, disk_reserve_bytes=0)


def filled(data: DataDir, settings: LogSettings = WIDE, posts: int = 30, size: int = 500) -> list[int]:
    writer = open_writer(data, settings)
    for n in range(posts):
        put(writer, range(size * n, size * n + size), at=n)
    writer.close()
    return list(range(posts * size))


def test_sealed_segments_shrink_and_read_the_same(data: DataDir) -> None:
    expected = filled(data)
    *sealed, active = segments(data)
    before = active.read_bytes()
    done = compress_sealed(data)
    assert done.segments == len(sealed) > 2
    assert done.bytes_after < done.bytes_before / 2
    assert sum(p.stat().st_size for p in sealed) == done.bytes_after
    assert active.read_bytes() == before
    reader = open_reader(data, QUEUE)
    assert numbers(reader) == expected
    assert numbers(reader, {0: 7003}, {0: 9998}) == expected[7003:9998]
    assert recover_all(data).damaged == []
    assert compress_sealed(data).segments == 0


def test_a_reader_that_holds_the_old_file_goes_on(data: DataDir) -> None:
    expected = filled(data)
    reader = open_reader(data, QUEUE)
    reading = reader.read({}, reader.ends(), pa.schema([("n", pa.int64())]))
    found = next(reading).batch.column("n").to_pylist()
    compress_sealed(data)
    for chunk in reading:
        found += chunk.batch.column("n").to_pylist()
    assert found == expected
    assert numbers(reader) == expected


def test_one_at_a_time(data: DataDir) -> None:
    filled(data)
    sealed = len(segments(data)) - 1
    assert [compress_sealed(data, limit=1).segments for _ in range(sealed + 1)] == [1] * sealed + [0]


def test_damage_is_reported_and_left_as_it_is(data: DataDir) -> None:
    filled(data, TINY, posts=40, size=10)
    path = segments(data)[1]
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    done = compress_sealed(data)
    assert [d.path for d in done.damaged] == [str(path)]
    assert done.segments == len(segments(data)) - 2
    assert path.read_bytes() == content
    with pytest.raises(CorruptLog):
        numbers(open_reader(data, QUEUE))


def test_damage_in_a_compressed_segment_is_found(data: DataDir) -> None:
    filled(data)
    compress_sealed(data)
    path = segments(data)[1]
    size = path.stat().st_size
    for at in np.linspace(0, size - 1, 40, dtype=int):
        content = bytearray(path.read_bytes())
        content[at] ^= 0x10
        path.write_bytes(content)
        with pytest.raises(CorruptLog):
            numbers(open_reader(data, QUEUE))
        content[at] ^= 0x10
        path.write_bytes(content)


def test_a_compressed_segment_left_as_the_last_one_is_whole_and_not_added_to(data: DataDir) -> None:
    """A restored backup, or the loss of the active segment with its watermark."""

    class AnotherBoot(Disk):
        def boot_id(self) -> str:
            return "another"

    filled(data)
    compress_sealed(data)
    last = segments(data)[-1]
    base = int(last.stem)
    last.unlink()
    (last.parent / "watermark").unlink()
    with files.replace(AnotherBoot()):
        assert recover_all(data).damaged == []
        writer = open_writer(data, PLAIN)
        assert put(writer, [base]).offset == base
        writer.close()
        assert numbers(open_reader(data, QUEUE)) == list(range(base + 1))
        assert SegmentFile(segments(data)[-2]).head.compressed


def test_what_was_looked_at_is_not_opened_again(data: DataDir) -> None:
    filled(data)
    path = segments(data)[1]
    spoilt = bytearray(path.read_bytes())
    spoilt[-100] ^= 1
    path.write_bytes(spoilt)
    done: set[Path] = {data.log / "dropped meanwhile"}
    assert len(compress_sealed(data, done=done).damaged) == 1
    assert done == set(segments(data)[:-1])
    assert compress_sealed(data, done=done).damaged == []


@pytest.mark.parametrize("reason", ["damage", "full disk"])
def test_a_segment_that_cannot_be_compressed_leaves_no_file(data: DataDir, reason: str) -> None:
    class Full(Disk):
        def sync(self, fd: int) -> None:
            raise OSError(errno.ENOSPC, "injected")

    filled(data)
    path = segments(data)[0]
    if reason == "damage":
        path.write_bytes(path.read_bytes()[:-1])
        assert len(compress_sealed(data).damaged) == 1
    else:
        with files.replace(Full()), pytest.raises(OSError, match="injected"):
            compress_sealed(data)
    assert not list(path.parent.glob("*.tmp"))
