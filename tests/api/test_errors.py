"""The pipeline face's error table: total, and in the shape that the vendor's clients read."""

from __future__ import annotations

import re

import msgspec
import pytest

from penstock.api.pipeline.errors import TABLE, wire
from penstock.model.errors import BadRecord, BadRecords, Kind, Overloaded, Problem


def test_every_kind_has_a_row() -> None:
    assert set(TABLE) == set(Kind)


@pytest.mark.parametrize("kind", list(Kind))
def test_rows_are_statuses_and_codes_of_the_contract(kind: Kind) -> None:
    status, code = TABLE[kind]
    assert 400 <= status <= 599
    assert re.fullmatch(r"E18\d{3}|E900[01]|", code)
    assert (code == "") == (kind is Kind.UNAUTHENTICATED)


def test_the_message_begins_with_the_code() -> None:
    status, headers, body = wire(Problem(Kind.REPO_MISSING, "no repo"))
    assert (status, headers, msgspec.json.decode(body)) == (404, {}, {"error": "E18102: no repo"})


def test_a_bad_token_has_no_code() -> None:
    assert msgspec.json.decode(wire(Problem(Kind.UNAUTHENTICATED, "bad token"))[2]) == {"error": "bad token"}


def test_refused_records_are_listed_as_data() -> None:
    record = BadRecord(3, "n", "x", "not a long", Kind.VALUE_INVALID)
    status, _, body = wire(BadRecords([record], 7))
    sent = msgspec.json.decode(body)
    assert status == 400
    assert sent["error"].startswith("E18110: 7 records refused, nothing stored: record 3, field 'n': not a long")
    assert sent["total"] == 7
    assert sent["records"] == [{"index": 3, "field": "n", "value": "x", "reason": "not a long"}]


def test_a_busy_server_says_when_to_come_again() -> None:
    status, headers, body = wire(Overloaded("busy", 2))
    assert (status, headers) == (503, {"Retry-After": "2"})
    assert msgspec.json.decode(body)["error"].startswith("E9000: ")
