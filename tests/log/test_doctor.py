"""The doctor: counts everything, finds every damage, changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from log.support import QUEUE, TINY, partition_folder, put, segments
from penstock.log import open_writer
from penstock.log.compress import compress_sealed
from penstock.log.doctor import PartitionReport, examine
from penstock.log.layout import WATERMARK
from penstock.model.datadir import DataDir


@pytest.fixture
def filled(data: DataDir) -> DataDir:
    writer = open_writer(data, TINY)
    for n in range(40):
        put(writer, range(10 * n, 10 * n + 10), at=n)
    writer.close()
    return data


def look(data: DataDir) -> PartitionReport:
    """Examine, and see that it is read-only."""
    before = {p: p.read_bytes() for p in data.root.rglob("*") if p.is_file()}
    [report] = examine(data)
    assert {p: p.read_bytes() for p in data.root.rglob("*") if p.is_file()} == before
    return report


def test_a_sound_log(filled: DataDir) -> None:
    report = look(filled)
    assert (report.queue, report.partition, report.start, report.end) == (QUEUE, 0, 0, 400)
    assert (report.frames, report.records, report.findings) == (40, 400, [])
    assert (report.segments, report.compressed, report.beyond_bytes) == (len(segments(filled)), 0, 0)
    compress_sealed(filled)
    report = look(filled)
    assert (report.frames, report.records, report.findings) == (40, 400, [])
    assert report.compressed == report.segments - 1


@pytest.mark.parametrize("which", [0, 2, -1])
def test_a_flipped_bit_anywhere_is_found_and_the_rest_still_counted(filled: DataDir, which: int) -> None:
    path = segments(filled)[which]
    data = bytearray(path.read_bytes())
    data[700] ^= 1
    path.write_bytes(data)
    report = look(filled)
    assert report.frames == 39
    assert {f.path for f in report.findings} == {str(path)}
    assert report.findings[0].first <= 700 < report.findings[0].last


def test_every_damaged_file_is_named(filled: DataDir) -> None:
    head, gone, short = segments(filled)[1:4]
    head.write_bytes(b"?" + head.read_bytes()[1:])
    gone.unlink()
    short.write_bytes(short.read_bytes()[:-1])
    report = look(filled)
    assert str(head) in {f.path for f in report.findings}
    assert str(short) in {f.path for f in report.findings}
    before_gap = segments(filled)[1]
    assert any("are missing" in f.reason for f in report.findings if f.path == str(before_gap) or f.path == str(short))


def test_a_lost_active_segment_is_named(filled: DataDir) -> None:
    last = segments(filled)[-1]
    last.unlink()
    assert [(f.path, f.reason) for f in look(filled).findings] == [(str(last), "the segment is missing")]


def test_a_garbled_watermark_is_named(filled: DataDir) -> None:
    path: Path = partition_folder(filled) / WATERMARK
    path.write_bytes(b"x" * 1024)
    report = look(filled)
    assert [f.path for f in report.findings] == [str(path)]
    assert report.records == 400


def test_an_unfinished_write_is_no_damage(filled: DataDir) -> None:
    with segments(filled)[-1].open("ab") as file:
        file.write(b"half a frame")
    report = look(filled)
    assert (report.findings, report.beyond_bytes) == ([], 12)
