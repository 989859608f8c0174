"""The text format: what each type takes, what refuses a record, and how the refusal reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.model.errors import BadRecord, BadRecords, Kind
from penstock.model.schema import ElemType, Field, Schema, ValType
from penstock.records.decoder import decoder_for

SCHEMA = Schema(
    (
        Field("s", ValType.STRING, required=True),
        Field("n", ValType.LONG, required=True),
        Field("f", ValType.FLOAT),
        Field("b", ValType.BOOLEAN),
        Field("t", ValType.DATE),
        Field("i", ValType.IP),
        Field("j", ValType.JSONSTRING),
        Field("a", ValType.ARRAY, ElemType.LONG),
        Field("m", ValType.MAP, schema=(Field("x", ValType.LONG, required=True), Field("y", ValType.STRING))),
    )
)


def rows(body: str | bytes, *, unescape: bool = False) -> list[dict[str, Any]]:
    raw = body if isinstance(body, bytes) else body.encode()
    batch = decoder_for(SCHEMA, unescape=unescape).text(raw)
    batch.validate(full=True)
    decoded: list[dict[str, Any]] = batch.to_pylist()
    return decoded


def value(field: str, text: str, **options: bool) -> Any:
    (row,) = rows(f"s=\tn=1\t{field}={text}" if field not in "sn" else f"s={text}\tn=1", **options)
    return row[field]


def refused(body: str | bytes) -> list[BadRecord]:
    with pytest.raises(BadRecords) as caught:
        rows(body)
    return caught.value.records


def only(body: str | bytes) -> BadRecord:
    (record,) = refused(body)
    return record


def test_keys_come_in_any_order() -> None:
    body = "s=a\tn=1\tf=2.5\nf=3.5\tn=2\ts=b\nn=3\ts=c"
    assert [(r["s"], r["n"], r["f"]) for r in rows(body)] == [("a", 1, 2.5), ("b", 2, 3.5), ("c", 3, None)]


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("s", "中文 \\t =x\r", "中文 \\t =x\r"),
        ("s", "a\0b", "a\0b"),
        ("f", "1e+21", 1e21),
        ("f", "-0.5", -0.5),
        ("b", "true", True),
        ("b", "false", False),
        ("t", "2017-01-02T03:04:05+08:00", datetime(2017, 1, 1, 19, 4, 5, tzinfo=UTC)),
        ("i", "2001:db8::1", "2001:db8::1"),
        ("j", '{ "k":  [1] }', '{ "k":  [1] }'),
        ("j", "1", "1"),
        ("j", '{"k":1,"k":2}', '{"k":1,"k":2}'),
        ("a", "[1,-2]", [1, -2]),
        ("a", "[]", []),
        ("m", '{"y":"a\\tb","x":1}', {"x": 1, "y": "a\tb"}),
        ("m", '{"x":1,"y":null}', {"x": 1, "y": None}),
    ],
)
def test_values(field: str, text: str, expected: Any) -> None:
    assert value(field, text) == expected


@pytest.mark.parametrize("field", ["f", "b", "t", "i", "j", "a", "m"])
def test_an_empty_value_is_null_unless_it_is_a_string(field: str) -> None:
    assert value(field, "") is None
    assert value("s", "") == ""


def test_an_empty_value_of_a_required_field_is_missing() -> None:
    record = only("s=a\tn=")
    assert (record.field, record.kind) == ("n", Kind.REQUIRED_MISSING)


def test_unescape_changes_strings_alone() -> None:
    assert value("s", r"a\tb\nc\\t\r\\", unescape=True) == "a\tb\nc\\\t\\r\\\\"
    assert value("m", r'{"x":1,"y":"a\tb"}', unescape=True) == {"x": 1, "y": "a\tb"}
    assert value("j", r'"a\tb"', unescape=True) == r'"a\tb"'


@pytest.mark.parametrize(
    ("text", "field", "kind", "reason"),
    [
        ("q=1", "q", Kind.FIELD_UNKNOWN, "no such field key q"),
        ("s=b", "s", Kind.VALUE_INVALID, "twice"),
        ("n=", "n", Kind.VALUE_INVALID, "twice"),
        ("word", "", Kind.VALUE_INVALID, "key=value"),
        ("f=nan", "f", Kind.VALUE_INVALID, "decimal number"),
        ("f=1e400", "f", Kind.VALUE_INVALID, "too large"),
        ("f=+1", "f", Kind.VALUE_INVALID, "decimal number"),
        ("f=1_0", "f", Kind.VALUE_INVALID, "decimal number"),
        ("f=0x1p3", "f", Kind.VALUE_INVALID, "decimal number"),
        ("b=1", "b", Kind.VALUE_INVALID, "true or false"),
        ("b=TRUE", "b", Kind.VALUE_INVALID, "true or false"),
        ("t=2017-01-02T03:04:05", "t", Kind.VALUE_INVALID, "RFC 3339"),
        ("t=2017-02-30T03:04:05Z", "t", Kind.VALUE_INVALID, "does not exist"),
        ("i=300.1.1.1", "i", Kind.VALUE_INVALID, "IPv4 or IPv6"),
        ("j={k:1}", "j", Kind.VALUE_INVALID, "not JSON"),
        ("a={}", "a", Kind.VALUE_INVALID, "JSON array"),
        ("a=[1,2.5]", "a[1]", Kind.VALUE_INVALID, "decimal integer"),
        ("a=[null]", "a[0]", Kind.VALUE_INVALID, "null"),
        ("a=null", "a", Kind.VALUE_INVALID, "JSON array"),
        ("m=[]", "m", Kind.VALUE_INVALID, "JSON object"),
        ('m={"x":"1"}', "m.x", Kind.VALUE_INVALID, "without a fraction"),
        ('m={"x":1,"z":1}', "m.z", Kind.FIELD_UNKNOWN, "no such field key m.z"),
        ('m={"x":1,"x":1}', "m.x", Kind.VALUE_INVALID, "twice"),
        ('m={"y":"a"}', "m.x", Kind.REQUIRED_MISSING, "required"),
        ('m={"x":1} {"x":1}', "m", Kind.VALUE_INVALID, "not JSON"),
    ],
)
def test_refusals_name_record_field_and_reason(text: str, field: str, kind: Kind, reason: str) -> None:
    record = only(f"s=a\tn=1\n\ns=b\tn=2\t{text}\ns=c\tn=3")
    assert (record.index, record.field, record.kind) == (1, field, kind)
    assert reason in record.reason


@pytest.mark.parametrize(
    "text", ["1_000", "１", "+1", "1.0", "1e3", " 1", "1 ", "0x1F", "-", "9223372036854775808", "-9223372036854775809"]
)
def test_longs_are_plain_digits_within_64_bits(text: str) -> None:
    assert only(f"s=a\tn={text}").field == "n"
    assert rows("s=a\tn=-9223372036854775808\ns=a\tn=0009223372036854775807")[1]["n"] == 2**63 - 1


def test_lines_that_end_with_carriage_returns_get_a_hint() -> None:
    assert "carriage return" in only("s=a\tn=1\r\n").reason
    assert "carriage return" in only("s=a\tn=1\n\r\n").reason


@pytest.mark.parametrize("raw", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80"])
def test_what_is_not_utf8_is_refused_by_name(raw: bytes) -> None:
    record = only(b"s=a\tn=1\ns=b" + raw + b"\tn=2")
    assert (record.index, record.field, record.kind) == (1, "s", Kind.VALUE_INVALID)


def test_all_fields_may_be_missing_in_some_records_and_present_in_others() -> None:
    body = "s=a\tn=1\nn=2\ts=b\tj=[]\nb=true\ts=c\tn=3"
    assert [(r["j"], r["b"], r["m"]) for r in rows(body)] == [
        (None, None, None),
        ("[]", None, None),
        (None, True, None),
    ]
