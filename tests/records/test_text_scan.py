"""Where fields and records begin and end."""

from __future__ import annotations

import numpy as np
import pytest

from penstock.records.refusal import Refused
from penstock.records.text_scan import LF, scan_text
from penstock.records.words import padded


def scanned(body: bytes) -> list[tuple[int, bytes, bytes]]:
    fields = scan_text(padded(body, LF, 8), len(body))
    assert fields.count == len(set(fields.records.tolist()))
    places = np.stack([fields.records, fields.starts, fields.equals, fields.ends], axis=1).tolist()
    return [(record, body[start:equals], body[equals + 1 : end]) for record, start, equals, end in places]


@pytest.mark.parametrize("body", [b"a=1\tb=2\nc=3", b"a=1\tb=2\nc=3\n", b"\n\na=1\t\t\tb=2\t\n \t\n  \nc=3\n\n"])
def test_tabs_split_fields_and_line_feeds_records(body: bytes) -> None:
    assert scanned(body) == [(0, b"a", b"1"), (0, b"b", b"2"), (1, b"c", b"3")]


def test_leading_blanks_of_a_field_are_skipped_and_no_others() -> None:
    assert scanned(b"  a= 1 \t  b = 2") == [(0, b"a", b" 1 "), (0, b"b ", b" 2")]


def test_a_field_is_split_at_its_first_equals_sign() -> None:
    assert scanned(b"a=b=c=\tb==") == [(0, b"a", b"b=c="), (0, b"b", b"=")]


def test_values_and_keys_may_be_empty() -> None:
    assert scanned(b"a=\n=1\n=") == [(0, b"a", b""), (1, b"", b"1"), (2, b"", b"")]


def test_a_carriage_return_is_data() -> None:
    assert scanned(b"a=1\r\nb=\r2") == [(0, b"a", b"1\r"), (1, b"b", b"\r2")]


@pytest.mark.parametrize("body", [b"", b"\n", b"\t\n  \n"])
def test_nothing_is_no_record(body: bytes) -> None:
    assert scanned(body) == []


@pytest.mark.parametrize("body", [b"a", b"a=1\tb", b"a\tb=1", b"a=1\nb\nc=1", b"\r\n"])
def test_a_part_without_an_equals_sign_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        scanned(body)
