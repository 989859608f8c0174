"""JSON texts: each value is one, and none gets help from its neighbours."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.records.json_text import MAX_DEPTH, check_json_texts, depth
from penstock.records.refusal import Refused
from records.reference import Wrong, strict_json
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
