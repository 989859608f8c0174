"""Frames: what was encoded is decoded, and any change of any bit is noticed."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from log.support import SCHEMA, batch
from penstock.log.frame import (
    HEADER_BYTES,
    BadFrame,
    Codec,
    Flag,
    Frame,
    NewerFormat,
    Post,
    assemble,
    batch_of,
    check_rest,
    encode,
    note_of,
    pack_header,
    parse_header,
    stored_body,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
UINT64 = st.integers(0, 2**64 - 1)


def encoded(frame: Frame) -> bytes:
    return b"".join(bytes(b) for b in frame.buffers)


def some_frame(count: int = 3) -> Frame:
    return encode(batch(range(count)), [Post(count, 5, "id", "req")], base_offset=7, epoch=2, schema_id=9, synced_to=64)


def read(data: bytes) -> pa.RecordBatch:
    """As a reader does: the header, then the rest, then the records."""
    view = memoryview(data)
    header = parse_header(view)
    rest = view[HEADER_BYTES : header.size]
    check_rest(header, rest)
    return batch_of(header, rest, SCHEMA)


@given(
    posts=st.lists(
        st.tuples(
            st.lists(INT64, min_size=1, max_size=5),
            INT64,
            st.none() | st.text(max_size=20),
            st.text(max_size=20),
        ),
        min_size=1,
        max_size=5,
    ),
    base_offset=st.integers(0, 2**63),
    epoch=UINT64,
    schema_id=UINT64,
    synced_to=UINT64,
)
def test_what_is_encoded_is_decoded(
    posts: list[tuple[list[int], int, str | None, str]], base_offset: int, epoch: int, schema_id: int, synced_to: int
) -> None:
    notes = [Post(len(numbers), at, batch_id, request_id) for numbers, at, batch_id, request_id in posts]
    records = batch(n for numbers, *_ in posts for n in numbers)
    frame = encode(records, notes, base_offset=base_offset, epoch=epoch, schema_id=schema_id, synced_to=synced_to)
    data = encoded(frame)
    header = parse_header(memoryview(data))
    assert header == frame.header
    assert header.size == len(data)
    assert len(data) % 64 == header.body_start % 64 == 0
    assert (header.base_offset, header.end_offset) == (base_offset, base_offset + records.num_rows)
    assert header.first_arrived_us == min(p.arrived_at_us for p in notes)
    assert header.last_arrived_us == max(p.arrived_at_us for p in notes)
    assert bool(header.flags & Flag.BATCH_IDS) == any(p.batch_id is not None for p in notes)
    assert note_of(header, memoryview(data)[HEADER_BYTES:]).posts == tuple(notes)
    assert read(data).equals(records)


@settings(max_examples=300)
@given(bit=st.integers(0, len(encoded(some_frame())) * 8 - 1))
def test_any_flipped_bit_is_detected(bit: int) -> None:
    data = bytearray(encoded(some_frame()))
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadFrame):
        read(bytes(data))


def test_every_bit_of_the_header_matters() -> None:
    whole = encoded(some_frame())
    for bit in range(HEADER_BYTES * 8):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadFrame):
            read(bytes(data))


@given(cut=st.integers(0, len(encoded(some_frame())) - 1))
def test_any_cut_is_detected(cut: int) -> None:
    with pytest.raises(BadFrame):
        read(encoded(some_frame())[:cut])


@given(st.binary(max_size=4096))
def test_garbage_is_no_frame(data: bytes) -> None:
    with pytest.raises(BadFrame):
        read(data)


@pytest.mark.parametrize("change", [{"flags": Flag.UNIT}, {"flags": Flag.COMMIT}, {"flags": 1 << 15}, {"codec": 7}])
def test_what_a_newer_version_wrote_is_refused_as_such(change: dict[str, int]) -> None:
    header = msgspec.structs.replace(some_frame().header, **change)
    with pytest.raises(NewerFormat):
        parse_header(memoryview(pack_header(header)))


def test_a_header_that_makes_no_sense_is_refused_though_its_crc_matches() -> None:
    header = msgspec.structs.replace(some_frame().header, count=0)
    with pytest.raises(BadFrame, match="no sense"):
        parse_header(memoryview(pack_header(header)))


def test_a_compressed_body_is_read_back() -> None:
    plain = some_frame(1000)
    rest = memoryview(encoded(plain))[HEADER_BYTES:]
    body = pa.compress(stored_body(plain.header, rest), codec="zstd", asbytes=True)
    header = msgspec.structs.replace(plain.header, codec=Codec.ZSTD)
    frame = assemble(header, bytes(rest[: plain.header.note_bytes]), memoryview(body))
    assert frame.header.size < plain.header.size
    assert read(encoded(frame)).equals(batch(range(1000)))


def test_a_body_of_another_schema_or_count_is_refused() -> None:
    frame = some_frame()
    rest = memoryview(encoded(frame))[HEADER_BYTES:]
    with pytest.raises(BadFrame, match="record batch of the segment's schema"):
        batch_of(frame.header, rest, pa.schema([(f"f{n}", pa.string()) for n in range(9)]))
    with pytest.raises(BadFrame, match="holds 3 records where the header says 4"):
        batch_of(msgspec.structs.replace(frame.header, count=4), rest, SCHEMA)
