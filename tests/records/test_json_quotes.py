"""Quotes around strings are counted, quotes inside them are not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.records.json_quotes import count_quotes

TEXTS = st.text('a"\\n:é', max_size=6)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda v: st.lists(v, max_size=4) | st.dictionaries(TEXTS, v, max_size=4),
    max_leaves=12,
)


def strings(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(strings, value.values()))
    if isinstance(value, list):
        return sum(map(strings, value))
    return int(isinstance(value, str))


@given(st.lists(VALUES, max_size=3), st.booleans())
def test_two_for_each_string(values: list[Any], ascii_only: bool) -> None:
    text = "\n".join(json.dumps(value, ensure_ascii=ascii_only) for value in values)
    assert count_quotes(text.encode()) == 2 * sum(map(strings, values))


@pytest.mark.parametrize(
    ("text", "count"), [(b"", 0), (b"1", 0), (rb'"\""', 2), (rb'"\\"', 2), (rb'"\\\""', 2), (rb'["\u0022","\\\\"]', 4)]
)
def test_escapes(text: bytes, count: int) -> None:
    assert count_quotes(text) == count
