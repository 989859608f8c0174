"""Bodies that a real client posted (tests/data/captures: the Go SDK), under the schema that it had created."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.model.errors import BadRecords
from penstock.model.limits import Limits
from penstock.model.schema import parse_schema
from penstock.records.decoder import decoder_for
from penstock.records.gunzip import gunzip

CAPTURES = Path(__file__).parent.parent / "data" / "captures" / "go-sdk"


def body(number: str) -> bytes:
    (path,) = CAPTURES.glob(f"{number}_*.http")
    return path.read_bytes().partition(b"\r\n\r\n")[2]


SCHEMA = parse_schema(json.loads(body("009"))["schema"], Limits())
FULL = {
    "f1": "tab\\there nl\\nthere bs\\x cr\rz 中文",
    "f2": 1.5,
    "n": 7,
    "b": True,
    "t": datetime(2017, 1, 2, 3, 4, 5, tzinfo=UTC),
    "a": [1, 2],
    "m": {"x": "y\tz"},
    "j": '{"k":1}',
}
EMPTY = dict.fromkeys(FULL) | {"f1": "", "f2": 1e21}


@pytest.mark.parametrize("raw", [body("020"), gunzip(body("027"), 1000)], ids=["plain", "gzip"])
def test_points(raw: bytes) -> None:
    rows = decoder_for(SCHEMA, unescape=False).text(raw).to_pylist()
    assert rows[0] == FULL
    assert rows[1:] == [EMPTY][: len(rows) - 1]


def test_points_unescaped() -> None:
    (row,) = decoder_for(SCHEMA, unescape=True).text(body("028")).to_pylist()
    assert row == FULL | {"f1": "tab\there nl\nthere bs\\x cr\rz 中文"}


@pytest.mark.parametrize("number", ["024", "025"])
def test_raw_lines_are_not_points(number: str) -> None:
    with pytest.raises(BadRecords) as caught:
        decoder_for(SCHEMA, unescape=False).text(body(number))
    assert caught.value.total == 2
