import csv
import io
import json
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.schema import Schema, ValType
from penstock.records.encode_csv import csv_lines
from records.batches import sliced, tables
from records.test_encode_json import expected, parsed


@given(tables(), st.data(), st.sampled_from([",", "\t", ";", "|", "1", "e", "\\", "é", "-"]))
def test_every_record_reads_back(
    table: tuple[Schema, list[dict[str, Any]]], data: st.DataObject, delimiter: str
) -> None:
    schema, rows = table
    parts = [bytes(csv_lines(batch, delimiter)) for batch in data.draw(sliced(schema, rows)) if batch.num_rows]
    text = b"".join(parts).decode()
    found = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    assert len(found) == len(rows)
    for values, row in zip(found, rows, strict=True):
        for field, value in zip(schema.fields, values or [""], strict=True):
            sent = row[field.key]
            match field.valtype:
                case _ if sent is None:
                    assert value == ""
                case ValType.MAP:
                    assert parsed(field.schema, json.loads(value)) == expected(field.schema, sent)
                case ValType.ARRAY:
                    assert json.loads(value) == sent
                case ValType.BOOLEAN:
                    assert value == str(sent).lower()
                case ValType.LONG:
                    assert int(value) == sent
                case ValType.FLOAT:
                    assert float(value) == sent
                case ValType.DATE:
                    assert datetime.fromisoformat(value) == sent
                case _:
                    assert value == sent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"), ("", '""'), (None, ""), ("a,b", '"a,b"'), ('say "x"', '"say ""x"""'), ("a\nb", '"a\nb"'),
        ("a\rb", '"a\rb"'), (" a ", " a "), ("日", "日"),
    ],
)  # fmt: skip
def test_quotes_what_must_be_quoted_and_tells_null_from_empty(value: str | None, text: str) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([value, "x"], pa.string()), pa.array([1, 2])], ["s", "n"])
    assert bytes(csv_lines(batch, ",")).decode() == f"{text},1\nx,2\n"


def test_there_is_no_header_line() -> None:
    assert bytes(csv_lines(pa.RecordBatch.from_arrays([pa.array([1])], ["n"]), ",")) == b"1\n"
