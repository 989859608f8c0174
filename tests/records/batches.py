"""Hypothesis strategies: schemas of every field type, and records that fit them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from penstock.model.schema import ElemType, Field, Schema, ValType

LONGS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, -1, 2**53 + 1, 2**63 - 1, -(2**63)])
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 5e-324, 1e15, 1e16, 0.1])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=9) | st.text(
    '\t\n\r\0\x1f\x7f"\\,;\\=ab', max_size=12
)
DATES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)).map(
    lambda d: d.replace(tzinfo=UTC)
) | st.sampled_from([datetime(2017, 1, 12, 7, 30, tzinfo=UTC), datetime(2017, 1, 12, 7, 30, 0, 120_000, tzinfo=UTC)])
SCALARS: dict[ValType, st.SearchStrategy[Any]] = {
    ValType.BOOLEAN: st.booleans(),
    ValType.LONG: LONGS,
    ValType.FLOAT: FLOATS,
    ValType.DATE: DATES,
    ValType.STRING: TEXTS,
    ValType.JSONSTRING: st.sampled_from(['{"a":1}', '{ "a" :\n\t[1, "x\\ty"]}', "[]", '"\\n"', "null"]),
    ValType.IP: st.ip_addresses().map(str),
}


@st.composite
def fields(draw: st.DrawFn, key: str, depth: int = 2) -> Field:
    kinds = [*SCALARS, ValType.ARRAY] + ([ValType.MAP] if depth else [])
    kind = draw(st.sampled_from(kinds))
    if kind is ValType.ARRAY:
        return Field(key, kind, elemtype=draw(st.sampled_from(ElemType)))
    if kind is ValType.MAP:
        inner = tuple(draw(fields(f"{key}_{i}", depth - 1)) for i in range(draw(st.integers(1, 3))))
        return Field(key, kind, schema=inner)
    return Field(key, kind)


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    return Schema(tuple(draw(fields(f"f{i}")) for i in range(draw(st.integers(1, 4)))))


def values(field: Field) -> st.SearchStrategy[Any]:
    """A value of the field, or None."""
    if field.valtype is ValType.ARRAY:
        assert field.elemtype is not None
        some: st.SearchStrategy[Any] = st.lists(SCALARS[ValType(field.elemtype)] | st.none(), max_size=3)
    elif field.valtype is ValType.MAP:
        some = st.fixed_dictionaries({f.key: values(f) for f in field.schema})
    else:
        some = SCALARS[field.valtype]
    return some | st.none()


@st.composite
def tables(draw: st.DrawFn) -> tuple[Schema, list[dict[str, Any]]]:
    """A schema and records."""
    schema = draw(schemas())
    row = st.fixed_dictionaries({f.key: values(f) for f in schema.fields})
    return schema, draw(st.lists(row, max_size=12))


@st.composite
def sliced(draw: st.DrawFn, schema: Schema, rows: list[dict[str, Any]]) -> list[pa.RecordBatch]:
    """The records as several batches, some of them slices of larger ones."""
    whole = pa.RecordBatch.from_pylist(rows, schema=schema.arrow())
    bounds = sorted({0, len(rows), *draw(st.lists(st.integers(0, len(rows)), max_size=3))})
    return [whole.slice(a, b - a) for a, b in pairwise(bounds)]


def same(a: Any, b: Any) -> bool:
    """Equal, with the type of numbers and the sign of zero."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return a == b and math.copysign(1, a) == math.copysign(1, b)
    return type(a) is type(b) and bool(a == b)
