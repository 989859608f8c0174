import json
from datetime import datetime
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.schema import Schema, ValType
from penstock.records.encode_text import text_lines
from records.batches import sliced, tables
from records.test_encode_json import expected, parsed


@given(tables(), st.data())
def test_every_record_reads_back(table: tuple[Schema, list[dict[str, Any]]], data: st.DataObject) -> None:
    schema, rows = table
    parts = [bytes(text_lines(batch)) for batch in data.draw(sliced(schema, rows)) if batch.num_rows]
    lines = b"".join(parts).decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        pairs = [part.partition("=") for part in line.split("\t") if part]
        found = {key: value for key, _, value in pairs}
        assert len(found) == len(pairs)
        assert set(found) == {key for key, value in row.items() if value is not None}
        for key, value in found.items():
            field, sent = schema.get(key), row[key]
            assert field is not None
            match field.valtype:
                case ValType.MAP:
                    assert parsed(field.schema, json.loads(value)) == expected(field.schema, sent)
                case ValType.ARRAY:
                    assert json.loads(value) == sent
                case ValType.JSONSTRING:
                    assert json.loads(value) == json.loads(sent)
                case ValType.BOOLEAN:
                    assert value == str(sent).lower()
                case ValType.LONG:
                    assert int(value) == sent
                case ValType.FLOAT:
                    assert float(value) == sent
                case ValType.DATE:
                    assert datetime.fromisoformat(value) == sent
                case _:
                    assert value == sent.replace("\t", "\\t").replace("\n", "\\n")


def test_an_empty_record_is_an_empty_line_and_an_empty_string_a_value() -> None:
    rows = [{"a": None, "b": None}, {"a": "", "b": 1}, {"a": None, "b": 2}]
    batch = pa.RecordBatch.from_pylist(rows, schema=pa.schema([("a", pa.string()), ("b", pa.int64())]))
    assert bytes(text_lines(batch)) == b"\na=\tb=1\nb=2\n"
