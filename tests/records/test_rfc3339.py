"""Dates: what RFC 3339 says, to the microsecond, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.records.refusal import Refused
from penstock.records.rfc3339 import parse_dates
from records.reference import Wrong, date_value
from records.schemas import dates


def parsed(*texts: str | None) -> list[datetime | None]:
    array = parse_dates(pa.array(texts, pa.string()))
    array.validate(full=True)
    values: list[datetime | None] = array.to_pylist()
    return values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2017-01-02T03:04:05Z", datetime(2017, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2017-01-02t03:04:05z", datetime(2017, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2017-01-02T03:04:05.6Z", datetime(2017, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)),
        ("2017-01-02T03:04:05.678+08:00", datetime(2017, 1, 1, 19, 4, 5, 678_000, tzinfo=UTC)),
        ("2017-01-02T03:04:05.123456789Z", datetime(2017, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC)),
        ("2017-01-02T03:04:05.9999999-03:30", datetime(2017, 1, 2, 6, 34, 5, 999_999, tzinfo=UTC)),
        ("2016-02-29T23:59:59-00:00", datetime(2016, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_dates(text: str, value: datetime) -> None:
    assert parsed(text) == [value]


@pytest.mark.parametrize(
    "text",
    [
        *("2017-01-02T03:04:05", "2017-01-02 03:04:05Z", "2017-01-02", "20170102T030405Z", "1483326245", "now", ""),
        *("2017-01-02T03:04Z", "2017-01-02T03:04:05.Z", "2017-01-02T03:04:05,5Z", "2017-01-02T03:04:05+0800"),
        *("2017-01-02T03:04:05+08", "2017-01-02T03:04:05 Z", " 2017-01-02T03:04:05Z", "2017-01-02T03:04:05Z "),
        *("2017-02-29T00:00:00Z", "2017-04-31T00:00:00Z", "2017-00-01T00:00:00Z", "2017-13-01T00:00:00Z"),
        *("2017-01-00T00:00:00Z", "2017-01-01T24:00:00Z", "2017-01-01T00:60:00Z", "2016-12-31T23:59:60Z"),
        *("2017-01-01T00:00:00+24:00", "2017-01-01T00:00:00+00:60", "0000-12-31T00:00:00Z", "-001-01-01T00:00:00Z"),
        *("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "２017-01-02T03:04:05Z", "2017-01-02T03:04:05.１Z"),
        *("2017-01-02T03:04:05.1234567x9Z", "2017-01-02T03:04:05+-1:00", "2017-01-02T03:04:05.123456+08:0x"),
    ],
)
def test_no_dates(text: str) -> None:
    with pytest.raises(Refused):
        parsed("2017-01-02T03:04:05Z", text)


def test_nulls_stay_null() -> None:
    assert parsed(None, "2017-01-02T03:04:05Z", None) == [None, datetime(2017, 1, 2, 3, 4, 5, tzinfo=UTC), None]
    assert parsed(None, None) == [None, None]
    assert parsed() == []


def test_a_slice_is_read_from_its_own_offset() -> None:
    texts = pa.array(["x", "2017-01-02T03:04:05Z", "y"]).slice(1, 1)
    assert parse_dates(texts).to_pylist() == [datetime(2017, 1, 2, 3, 4, 5, tzinfo=UTC)]


@given(st.lists(dates, min_size=1, max_size=6))
def test_columns_of_many_forms(texts: list[str]) -> None:
    assert parsed(*texts) == [date_value(text) for text in texts]


@given(dates, st.integers(0, 40), st.sampled_from([*"0123456789-+:.TtZz x", ""]))
def test_one_character_changed(text: str, at: int, char: str) -> None:
    changed = text[:at] + char + text[at + 1 :]
    try:
        value = date_value(changed)
    except Wrong:
        with pytest.raises(Refused):
            parsed(changed)
    else:
        assert parsed(changed) == [value]
