import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.schema import Field, Schema, ValType
from penstock.records.encode_parquet import ROW_GROUP_ROWS, row_groups, write_parquet
from records.batches import sliced, tables


def written(batches: list[pa.RecordBatch], schema: pa.Schema) -> bytes:
    out = io.BytesIO()
    assert write_parquet(iter(batches), schema, out) == sum(b.num_rows for b in batches)
    return out.getvalue()


@given(tables(), st.data())
def test_every_record_reads_back(table: tuple[Schema, list[dict[str, Any]]], data: st.DataObject) -> None:
    schema, rows = table
    found = pq.read_table(io.BytesIO(written(data.draw(sliced(schema, rows)), schema.arrow())))
    assert found.schema.equals(schema.arrow(), check_metadata=False)
    assert found.to_pylist() == rows


def test_the_types_that_parquet_lacks_are_named_in_the_metadata() -> None:
    schema = Schema((Field("j", ValType.JSONSTRING), Field("i", ValType.IP), Field("d", ValType.DATE)))
    content = written([], schema.arrow())
    found = pq.read_schema(io.BytesIO(content))
    assert found.field("j").metadata[b"valtype"] == b"jsonstring"
    assert found.field("i").metadata[b"valtype"] == b"ip"
    parquet = pq.ParquetFile(io.BytesIO(content)).schema
    assert "isAdjustedToUTC=true, timeUnit=microseconds" in str(parquet.column(2).logical_type)


def test_row_groups_are_bounded_in_rows_and_bytes() -> None:
    small = pa.RecordBatch.from_arrays([pa.array(range(100_000))], ["n"])
    groups = [g.num_rows for g in row_groups(iter([small] * 4))]
    assert sum(groups) == 400_000
    assert max(groups) <= ROW_GROUP_ROWS
    wide = pa.RecordBatch.from_arrays([pa.array(["x" * 50_000] * 1024)], ["s"])
    assert [g.num_rows for g in row_groups(iter([wide] * 3))] == [1024, 1024, 1024]
