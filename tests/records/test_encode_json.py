import json
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.schema import Field, Schema, ValType
from penstock.records.encode_json import escaped, json_lines
from records.batches import same, sliced, tables


def expected(fields: tuple[Field, ...], row: dict[str, Any]) -> dict[str, Any]:
    """The record as a reader of the file should find it: no nulls in objects, dates parsed back."""
    return {f.key: _value(f, row[f.key]) for f in fields if row[f.key] is not None}


def _value(field: Field, value: Any) -> Any:
    return expected(field.schema, value) if field.valtype is ValType.MAP else value


def parsed(fields: tuple[Field, ...], found: dict[str, Any]) -> dict[str, Any]:
    kinds = {f.key: f for f in fields}
    return {key: _parsed(kinds[key], value) for key, value in found.items()}


def _parsed(field: Field, value: Any) -> Any:
    if field.valtype is ValType.MAP:
        return parsed(field.schema, value)
    if field.valtype is ValType.DATE:
        assert value.endswith("Z")
        return datetime.fromisoformat(value)
    return value


@given(tables(), st.data())
def test_every_record_reads_back(table: tuple[Schema, list[dict[str, Any]]], data: st.DataObject) -> None:
    schema, rows = table
    text = b"".join(bytes(json_lines(batch)) for batch in data.draw(sliced(schema, rows)) if batch.num_rows)
    lines = text.split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        found = json.loads(line, object_pairs_hook=_no_twins)
        assert same(parsed(schema.fields, found), expected(schema.fields, row))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.none(), min_size=1))
def test_escapes_as_the_standard_library_does(texts: list[str | None]) -> None:
    found = escaped(pa.array(texts, pa.string())).to_pylist()
    assert found == [None if text is None else json.dumps(text, ensure_ascii=False)[1:-1] for text in texts]


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_500, "1970-01-01T00:00:00.001500Z"),
        (120_000, "1970-01-01T00:00:00.120Z"),
        (1_484_206_200_000_000, "2017-01-12T07:30:00Z"),
        (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ],
)
@pytest.mark.parametrize("beside", [[], [0], [1], [1_000]])
def test_dates_have_the_digits_they_need_whatever_stands_beside(micros: int, text: str, beside: list[int]) -> None:
    column = pa.array([micros, *beside], pa.timestamp("us", tz="UTC"))
    line = bytes(json_lines(pa.RecordBatch.from_arrays([column], ["d"]))).split(b"\n")[0]
    assert json.loads(line) == {"d": text}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0"), (-0.0, "-0.0"), (0.1, "0.1"), (1e21, "1e+21"), (5e-324, "5e-324"), (123456789.0, "123456789.0"),
        (1e15, "1e+15"), (2.0**53, "9.007199254740992e+15"), (-1.5e300, "-1.5e+300"), (float("nan"), None),
        (float("inf"), None),
    ],
)  # fmt: skip
def test_floats_show_as_floats_at_their_shortest(value: float, text: str | None) -> None:
    line = bytes(json_lines(pa.RecordBatch.from_arrays([pa.array([value])], ["f"]))).decode()
    assert line == ("{}\n" if text is None else f'{{"f":{text}}}\n')
    assert text is None or float(text) == value


def test_a_record_without_any_field_is_an_empty_object() -> None:
    rows = [{"a": None, "b": None}, {"a": 1, "b": None}, {"a": None, "b": 2}, {"a": None, "b": None}]
    batch = pa.RecordBatch.from_pylist(rows, schema=pa.schema([("a", pa.int64()), ("b", pa.int64())]))
    assert bytes(json_lines(batch)) == b'{}\n{"a":1}\n{"b":2}\n{}\n'


def test_what_lies_under_a_null_list_is_not_written() -> None:
    lists = pa.ListArray.from_arrays(
        pa.array([0, 2, 4, 5]), pa.array([1, 2, 3, 4, 5]), mask=pa.array([False, True, False])
    )
    assert bytes(json_lines(pa.RecordBatch.from_arrays([lists], ["l"]))) == b'{"l":[1,2]}\n{}\n{"l":[5]}\n'


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)
