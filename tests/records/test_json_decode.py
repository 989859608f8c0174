"""JSON bodies: shapes, types, and what is refused though JSON decoders let it through."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.model.errors import BadRecord, BadRecords, Kind, Problem
from penstock.model.schema import ElemType, Field, Schema, ValType
from penstock.records.decoder import decoder_for

SCHEMA = Schema(
    (
        Field("s", ValType.STRING),
        Field("n", ValType.LONG),
        Field("f", ValType.FLOAT),
        Field("b", ValType.BOOLEAN),
        Field("t", ValType.DATE),
        Field("i", ValType.IP),
        Field("j", ValType.JSONSTRING),
        Field("a", ValType.ARRAY, ElemType.FLOAT),
        Field(
            "m",
            ValType.MAP,
            schema=(
                Field("x", ValType.LONG, required=True),
                Field("l", ValType.ARRAY, ElemType.STRING),
                Field("j", ValType.JSONSTRING),
                Field("d", ValType.MAP, schema=(Field("y", ValType.STRING),)),
            ),
        ),
    )
)


def rows(body: str | bytes, schema: Schema = SCHEMA) -> list[dict[str, Any]]:
    raw = body if isinstance(body, bytes) else body.encode()
    batch = decoder_for(schema, unescape=False).json(raw)
    batch.validate(full=True)
    decoded: list[dict[str, Any]] = batch.to_pylist()
    return decoded


def value(field: str, text: str) -> Any:
    first, other = rows(f'[{{"{field}":{text}}},{{}}]')
    assert other[field] is None
    return first[field]


def only(body: str | bytes) -> BadRecord:
    with pytest.raises(BadRecords) as caught:
        rows(body)
    (record,) = caught.value.records
    return record


def malformed(body: str | bytes) -> str:
    with pytest.raises(Problem) as caught:
        rows(body)
    assert caught.value.kind is Kind.BODY_MALFORMED
    return caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        '[{"s":"a"},{"s":"b"}]',
        ' [ {"s" : "a"} ,\n {"s" :\t"b"} ] \n',
        '{"s":"a"}\n{"s":"b"}',
        '\n{"s":"a"}\r\n\n  {"s":"b"}\n\n',
        '{\n  "s": "a"\n}\n{\n  "s": "b"\n}\n',
    ],
)
def test_an_array_lines_and_pretty_objects_are_the_same(body: str) -> None:
    assert [row["s"] for row in rows(body)] == ["a", "b"]


def test_one_object_is_a_body() -> None:
    assert rows('{"s":"a"}') == rows('{\n"s"\n:\n"a"\n}\n')
    assert len(rows("{}")) == 1


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("s", '"a\\u0000\\ud83d\\ude00\\n"', "a\0😀\n"),
        ("n", "-9223372036854775808", -(2**63)),
        ("f", "1", 1.0),
        ("f", "-1e-400", 0.0),
        ("b", "false", False),
        ("t", '"2017-01-02T03:04:05.123456789+08:00"', datetime(2017, 1, 1, 19, 4, 5, 123_456, tzinfo=UTC)),
        ("i", '"::1"', "::1"),
        ("j", '"{\\"k\\": 1}"', '{"k": 1}'),
        ("j", '{"k" : [1, 2]}', '{"k" : [1, 2]}'),
        ("j", '{"k":1,"k":2}', '{"k":1,"k":2}'),
        ("j", "[]", "[]"),
        ("j", '"null"', "null"),
        ("a", "[1,2.5]", [1.0, 2.5]),
        ("m", '{"x":1,"l":["a\\"b"],"d":{"y":null}}', {"x": 1, "l": ['a"b'], "j": None, "d": {"y": None}}),
        ("m", '{"x":1,"j":{"q":"\\\\"}}', {"x": 1, "l": None, "j": '{"q":"\\\\"}', "d": None}),
    ],
)
def test_values(field: str, text: str, expected: Any) -> None:
    assert value(field, text) == expected


@pytest.mark.parametrize("field", SCHEMA.keys())
def test_null_is_absent(field: str) -> None:
    assert value(field, "null") is None


def test_null_in_a_required_field_is_missing() -> None:
    record = only('[{"m":{"x":1}},{"m":{"x":null}}]')
    assert (record.index, record.field, record.kind) == (1, "m.x", Kind.REQUIRED_MISSING)
    needed = Schema((Field("j", ValType.JSONSTRING, required=True),))
    for body in (b'{"j":null}', b"{}"):
        with pytest.raises(BadRecords) as caught:
            rows(body, needed)
        assert caught.value.kind is Kind.REQUIRED_MISSING


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ('{"s":"a","s":"a"}', "s"),
        ('{"s":"a","n":1,"b":null,"s" : null}', "s"),
        ('{"s":null,"s":"a"}', "s"),
        ('{"\\u0073":"a","s":"a"}', "s"),
        ('{"n":1,"n":2,"s":null,"f":null}', "n"),
        ('{"j":{"k":1},"j":"[1]"}', "j"),
        ('{"a":[1],"a":[]}', "a"),
        ('{"m":{"x":1,"x":2}}', "m.x"),
        ('{"m":{"x":1},"m":null}', "m"),
        ('{"m":{"x":1,"d":{"y":"a","y":"b"}}}', "m.d.y"),
        ('{"m":{"x":1,"l":["a","b"],"l":[]}}', "m.l"),
    ],
)
def test_keys_that_come_twice_are_refused_at_any_depth(record: str, field: str) -> None:
    good = '{"s":"\\":\\\\","j":"{\\"a\\":\\"b\\"}","m":{"x":1,"j":[{"k":"\\""}],"l":[":"]},"n":null}'
    fault = only(f"[{good},{record},{good}]")
    assert (fault.index, fault.field) == (1, field)
    assert "twice" in fault.reason
    assert len(rows(f"[{good},{good}]")) == 2


@pytest.mark.parametrize(
    ("field", "text", "at"),
    [
        *(("n", text, "n") for text in ("1.0", "1e3", "true", '"1"', "9223372036854775808", "1" * 5000, "{}")),
        *(("f", text, "f") for text in ("true", '"1"', "1e400", "-1e999", "1" * 400, "[]")),
        *(("b", text, "b") for text in ("1", '"true"', "0")),
        *(("s", text, "s") for text in ("1", "true", "{}", '"\\ud800"', '"\\udc00x"')),
        *(("t", text, "t") for text in ("1483326245", '"2017-01-02T03:04:05"', '"2017-01-02 03:04:05Z"', '""')),
        *(("i", text, "i") for text in ("1", '"1.2.3"', '""')),
        *(("j", text, "j") for text in ("1", "true", '"{"', '""', '"1 2"', '{"k":"\\ud800"}', '"NaN"')),
        *(("a", text, at) for text, at in (("1", "a"), ('"[1]"', "a"), ('[1,"2"]', "a[1]"), ("[null]", "a[0]"))),
        *(("m", text, at) for text, at in (("1", "m"), ('"{}"', "m"), ('{"x":1,"l":"a"}', "m.l"))),
        ("j", "[" * 129 + "]" * 129, "j"),
    ],
)
def test_types_are_strict(field: str, text: str, at: str) -> None:
    fault = only(f'[{{}},{{"{field}":{text}}}]')
    assert (fault.index, fault.field, fault.kind) == (1, at, Kind.VALUE_INVALID)


def test_unknown_keys_are_refused_at_any_depth() -> None:
    for record, field in (('{"q":1}', "q"), ('{"m":{"x":1,"q":1}}', "m.q"), ('{"m":{"x":1,"d":{"q":null}}}', "m.d.q")):
        fault = only(record)
        assert (fault.field, fault.kind, fault.reason) == (field, Kind.FIELD_UNKNOWN, f"no such field key {field}")


@pytest.mark.parametrize("element", ["1", '"a"', "null", "[]"])
def test_a_record_is_an_object(element: str) -> None:
    assert only(f"[{{}},{element}]").index == 1


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ('[{"s":"a"}]x', "byte 11"),
        ('[{"s":"a"},]', "byte 11"),
        ('[{"s":"a"}', "line 1"),
        ('{"s":"a"}\n{"s":', "line 2"),
        ('{"n":1_000}', "byte 6"),
        ('{"n":１}', "byte 5"),
        ('{"f":NaN}', "NaN"),
        ('{"f":-Infinity}', "Infinity"),
        ("{'s':1}", "byte 1"),
        ('{"s":"a\tb"}', "control character"),
        ('{"n":01}', "line 1"),
        ("nonsense", "byte 0"),
        ("\ufeff{}", "byte order mark"),
        (b'[{"s":"\xff"}]', "offset 7"),
        (b'[{"j":"\xff"}]', "offset 7"),
        (b'[{"j":["\xed\xa0\x80"]}]', "offset 8"),
        (b'[{"\xff":1}]', "offset 3"),
        ("[" * 5000, "nested deeper"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(body: str | bytes, where: str) -> None:
    assert where in malformed(body)


def test_field_names_may_be_words_of_python() -> None:
    keys = ["class", "from", "f0", "_", "None", "__init__", "__class__", "self"]
    schema = Schema(tuple(Field(key, ValType.STRING) for key in keys))
    record = {key: f"value of {key}" for key in keys}
    body = ",".join(f'"{key}":"{text}"' for key, text in record.items())
    assert rows("{" + body + "}", schema) == [record]
