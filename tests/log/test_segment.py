"""Segment heads, and reading by position."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from log.support import PLAIN, QUEUE, SCHEMA, batch, put, segments
from penstock.log import open_writer
from penstock.log.frame import BadFrame, NewerFormat
from penstock.log.segment import HEAD, WINDOW, Head, SegmentFile, encode_head, schema_message
from penstock.model.datadir import DataDir

SCHEMA_ID, MESSAGE = schema_message(SCHEMA)
HEAD_BYTES = encode_head(Head(QUEUE, 3, 42, SCHEMA_ID, MESSAGE, 1234))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.seg"


def test_a_head_says_whose_the_segment_is_and_its_schema(path: Path) -> None:
    path.write_bytes(HEAD_BYTES)
    file = SegmentFile(path)
    assert (file.head.queue, file.head.partition, file.head.base_offset) == (QUEUE, 3, 42)
    assert file.head.arrow_schema().equals(SCHEMA, check_metadata=True)
    assert file.first_frame == len(HEAD_BYTES)
    assert len(HEAD_BYTES) % 64 == 0


@settings(max_examples=200)
@given(bit=st.integers(0, len(HEAD_BYTES) * 8 - 1))
def test_any_flipped_bit_of_a_head_is_detected(tmp_path_factory: pytest.TempPathFactory, bit: int) -> None:
    data = bytearray(HEAD_BYTES)
    data[bit // 8] ^= 1 << bit % 8
    path = tmp_path_factory.getbasetemp() / "flipped.seg"
    path.write_bytes(data)
    with pytest.raises((BadFrame, NewerFormat)):
        SegmentFile(path)


@pytest.mark.parametrize("size", [0, 7, HEAD.size, len(HEAD_BYTES) - 1])
def test_a_torn_head_is_detected(path: Path, size: int) -> None:
    path.write_bytes(HEAD_BYTES[:size])
    with pytest.raises(BadFrame):
        SegmentFile(path)


def test_a_newer_format_is_refused_before_anything_else_is_looked_at(path: Path) -> None:
    data = bytearray(HEAD_BYTES)
    data[8] = 2
    data[30:] = b"whatever"
    path.write_bytes(data)
    with pytest.raises(NewerFormat, match="format 2; this program reads up to 1"):
        SegmentFile(path)


def test_frames_smaller_and_larger_than_the_window_are_read(data: DataDir) -> None:
    with_large = [batch(range(10)), batch(range(20_000)), batch(range(5))]
    writer = open_writer(data, PLAIN)
    for one in with_large:
        writer.append(QUEUE, one, arrived_at_us=1).result()
    writer.close()
    file = SegmentFile(segments(data)[0])
    position, sizes = file.first_frame, []
    while position < file.size():
        header = file.header(position, file.size())
        file.rest(position, header, file.size())
        sizes.append(header.size)
        position += header.size
    assert sizes[0] < WINDOW < sizes[1]
    assert position == file.size()


def test_bytes_beyond_the_limit_are_never_taken_for_a_frame(data: DataDir) -> None:
    writer = open_writer(data, PLAIN)
    put(writer, range(3))
    put(writer, range(3))
    writer.close()
    file = SegmentFile(segments(data)[0])
    first = file.header(file.first_frame, file.size())
    second_at = file.first_frame + first.size
    with pytest.raises(BadFrame):
        file.header(second_at, second_at)
    with pytest.raises(BadFrame, match="would end at"):
        file.header(second_at, second_at + 128)
    assert file.next_magic(file.first_frame + 1, file.size()) == second_at
    assert file.next_magic(second_at + 1, file.size()) == file.size()
