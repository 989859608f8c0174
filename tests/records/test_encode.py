import gzip
import io
import zlib
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model.schema import Schema
from penstock.records.encode import FORMATS, Format, merge_small
from records.batches import sliced, tables

EVERY = [Format(name, gzip=gzip) for name in FORMATS for gzip in (False, True)]


def written(format_: Format, batches: list[pa.RecordBatch], schema: pa.Schema) -> bytes:
    out = io.BytesIO()
    assert format_.write(iter(batches), schema, out) == sum(b.num_rows for b in batches)
    return out.getvalue()


@pytest.mark.parametrize("format_", EVERY, ids=lambda f: f.extension)
@settings(max_examples=30)
@given(tables(), st.data())
def test_the_bytes_do_not_depend_on_how_records_come_in_batches(
    format_: Format, table: tuple[Schema, list[dict[str, Any]]], data: st.DataObject
) -> None:
    schema, rows = table
    whole = [pa.RecordBatch.from_pylist(rows, schema=schema.arrow())]
    assert written(format_, data.draw(sliced(schema, rows)), schema.arrow()) == written(format_, whole, schema.arrow())


@pytest.mark.parametrize("format_", EVERY, ids=lambda f: f.extension)
def test_the_same_holds_for_many_records(format_: Format) -> None:
    rows = 200_000
    batch = pa.RecordBatch.from_arrays(
        [pa.array(range(rows)), pa.array([f"text {i % 977} \\ {i}" for i in range(rows)])], ["n", "s"]
    )
    pieces = [batch.slice(start, 777) for start in range(0, rows, 777)]
    one = written(format_, [batch], batch.schema)
    assert one == written(format_, pieces, batch.schema)
    if format_.extension.endswith(".gz"):
        assert gzip.decompress(one) == written(Format(format_.name), [batch], batch.schema)


@pytest.mark.parametrize(
    ("format_", "extension"),
    [
        (Format("json"), ".json"), (Format("json", gzip=True), ".json.gz"), (Format("text"), ".txt"),
        (Format("text", gzip=True), ".txt.gz"), (Format("csv"), ".csv"), (Format("csv", gzip=True), ".csv.gz"),
        (Format("parquet"), ".parquet"), (Format("parquet", gzip=True), ".parquet"),
    ],
)  # fmt: skip
def test_extensions(format_: Format, extension: str) -> None:
    assert format_.extension == extension


def test_gzip_is_one_member_without_a_time() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(range(1000))], ["n"])
    content = written(Format("json", gzip=True), [batch], batch.schema)
    assert content[4:8] == bytes(4)
    inflate = zlib.decompressobj(31)
    assert inflate.decompress(content) == written(Format("json"), [batch], batch.schema)
    assert (inflate.eof, inflate.unused_data) == (True, b"")


def test_parquet_is_not_compressed_twice() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(range(1000))], ["n"])
    content = written(Format("parquet", gzip=True), [batch], batch.schema)
    assert content == written(Format("parquet"), [batch], batch.schema)
    assert content[:4] == b"PAR1"


def test_batches_are_brought_to_a_size_worth_a_call() -> None:
    tiny = pa.RecordBatch.from_arrays([pa.array([1])], ["n"])
    assert [b.num_rows for b in merge_small(iter([tiny] * 1000))] == [1000]
    huge = pa.RecordBatch.from_arrays([pa.array(["x" * 1000] * 20_000)], ["s"])
    assert all(b.nbytes < 6 * 1024**2 for b in merge_small(iter([huge])))
    assert sum(b.num_rows for b in merge_small(iter([huge]))) == 20_000
