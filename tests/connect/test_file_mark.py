"""Marks: read back from every name that an export gives, and from no other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connect.file_mark import FlowMark, read_mark
from penstock.connect.key_prefix import resolve_name

PREFIXES = ["", "part", "a/b/", "$(year)/$(mon)/x", "$(year)$(mon)/", "7-8-000009", "_"]
EXTENSIONS = [".json", ".txt.gz", ".csv", ".parquet"]


@given(
    st.sampled_from(PREFIXES),
    st.integers(1, 2**40),
    st.integers(0, 2**53),
    st.integers(0, 10**8),
    st.sampled_from(EXTENSIONS),
)
def test_a_mark_is_read_back(prefix: str, flow: int, created_at_us: int, sequence: int, extension: str) -> None:
    mark = FlowMark.of(flow, created_at_us)
    name = resolve_name(prefix, datetime(2026, 11, 20, tzinfo=UTC), mark.name(sequence)) + extension
    assert read_mark(name) == (mark, sequence)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "part",
        "x-1-000001.json",
        "1-a-00001.json",
        "1-a-000001",
        "a1-a-000001.json",
        "1-A-000001.json",
        "1-a-000001/x",
    ],
)
def test_other_names_have_none(name: str) -> None:
    assert read_mark(name) is None
