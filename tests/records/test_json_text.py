"""JSON texts: each value is one, and none gets help from its neighbours."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.records.json_text import MAX_DEPTH, check_json_texts, depth
from penstock.records.refusal import Refused
from records.reference import Wrong, nesting, strict_json
from records.schemas import ODD_TEXTS

PIECES = st.sampled_from(
    [
        "1",
        "1 2",
        "[3",
        "4]",
        '"',
        '["',
        '"]',
        "{",
        "}",
        '{"a":1',
        ',"b":2}',
        '{"a":1}',
        "[1],[2]",
        " 5 ",
        "\n6",
        '"\n"',
        ",",
    ]
)

TEXTS = st.text('a"\\[]{}', max_size=6)
JSON_VALUES = st.recursive(
    st.none() | TEXTS, lambda v: st.lists(v, max_size=3) | st.dictionaries(TEXTS, v, max_size=3), max_leaves=10
)


def accepted(texts: list[str]) -> bool:
    try:
        check_json_texts(pa.array(texts, pa.string()))
    except Refused:
        return False
    return True


def is_json(text: str) -> bool:
    try:
        strict_json(text)
    except Wrong:
        return False
    return True


@given(st.lists(PIECES | ODD_TEXTS, min_size=1, max_size=4))
def test_texts_are_json_each_by_itself(texts: list[str]) -> None:
    assert accepted(texts) == all(map(is_json, texts))


@pytest.mark.parametrize("texts", [["1 2", "[3,", "4]"], ["[1", ",2] 3"], ['"a" {"b":', "1}"], ["", "1 2"]])
def test_as_many_values_as_texts_are_not_enough(texts: list[str]) -> None:
    assert not accepted(texts)


def test_texts_may_have_lines_and_white_space() -> None:
    assert accepted(["\n[1,\n\r2]\t ", "3\n", '"a"'])
    assert not accepted(['"a\nb"'])


def test_no_texts_are_fine() -> None:
    assert accepted([])


@pytest.mark.parametrize("open_, close", ["[]", ("[[" + "[", "]]]"), ('{"a":[', "]}")])
def test_depth_has_a_limit(open_: str, close: str) -> None:
    levels = depth(open_ + close)
    fits = MAX_DEPTH // levels
    assert accepted([open_ * fits + close * fits])
    assert not accepted([open_ * (fits + 1) + close * (fits + 1)])


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert accepted([json.dumps([[{"a": "[" * 500}]] * 500)])


def test_a_hundred_thousand_brackets_end_nothing() -> None:
    assert not accepted(["[" * 100_000])
    assert not accepted(["[" * 100_000 + "]" * 100_000])


@given(JSON_VALUES, st.booleans())
def test_depth_counts_levels_outside_strings(value: Any, ascii_only: bool) -> None:
    assert depth(json.dumps(value, ensure_ascii=ascii_only)) == nesting(strict_json(json.dumps(value)))
