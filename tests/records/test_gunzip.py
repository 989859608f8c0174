"""Gzip bodies: whole or refused, and never more memory than the limit."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.errors import Kind, Problem
from penstock.records.gunzip import MAX_MEMBERS, gunzip

WHOLE = gzip.compress(b"f1=hello\n" * 1000, mtime=0)


def refusal(body: bytes, limit: int = 1 << 20) -> Kind:
    with pytest.raises(Problem) as caught:
        gunzip(body, limit)
    return caught.value.kind


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4))
def test_members_are_joined(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert gunzip(b"".join(map(gzip.compress, parts)), len(whole)) == whole


def test_the_limit_is_the_last_byte_that_is_taken() -> None:
    assert len(gunzip(WHOLE, 9000)) == 9000
    assert refusal(WHOLE, 8999) is Kind.BODY_TOO_LARGE


@pytest.mark.parametrize("cut", [1, 5, 12, len(WHOLE) // 2, len(WHOLE) - 1])
def test_a_torn_body_is_refused(cut: int) -> None:
    assert refusal(WHOLE[:-cut]) is Kind.GZIP_UNREADABLE


@pytest.mark.parametrize("body", [b"f1=plain", b"\x1f", b"\x1f\x8b", WHOLE + b"more", WHOLE[:-8] + b"12345678"])
def test_what_is_not_whole_gzip_is_refused(body: bytes) -> None:
    assert refusal(body) is Kind.GZIP_UNREADABLE


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_harmless(at: int, bits: int) -> None:
    body = bytearray(WHOLE)
    body[at] ^= bits
    try:
        unpacked = gunzip(bytes(body), 1 << 20)
    except Problem as problem:
        assert problem.kind in (Kind.GZIP_UNREADABLE, Kind.BODY_TOO_LARGE)
    else:
        assert unpacked == b"f1=hello\n" * 1000  # header bytes such as the time are not covered by the checksum


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = gzip.compress(bytes(300_000_000), 9)
    tracemalloc.start()
    try:
        assert refusal(bomb, 2 << 20) is Kind.BODY_TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_body_of_thousands_of_members_is_refused() -> None:
    """Each one costs a copy of the rest: their number must not be the client's choice."""
    member = gzip.compress(b"f")
    assert len(gunzip(member * MAX_MEMBERS, 1 << 20)) == MAX_MEMBERS
    assert refusal(member * (MAX_MEMBERS + 1)) is Kind.GZIP_UNREADABLE
