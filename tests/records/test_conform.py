"""Old batches under newer schemas: nothing lost, additions null, nothing copied without need."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.schema import ElemType, Field, Schema, ValType, grow
from penstock.records.conform import conform

OLD = Schema(
    (
        Field("host", ValType.STRING),
        Field(
            "m",
            ValType.MAP,
            schema=(Field("x", ValType.LONG), Field("deep", ValType.MAP, schema=(Field("y", ValType.DATE),))),
        ),
        Field("list", ValType.ARRAY, ElemType.LONG),
    )
)
NEW = Schema(
    (
        Field("host", ValType.STRING),
        Field(
            "m",
            ValType.MAP,
            schema=(
                Field("x", ValType.LONG),
                Field("deep", ValType.MAP, schema=(Field("y", ValType.DATE), Field("ip", ValType.IP))),
                Field("z", ValType.ARRAY, ElemType.STRING),
            ),
        ),
        Field("list", ValType.ARRAY, ElemType.LONG),
        Field("more", ValType.FLOAT),
    )
)
ROWS = [
    {"host": "a", "m": {"x": 1, "deep": {"y": None}}, "list": [1, 2]},
    {"host": None, "m": None, "list": None},
    {"host": "c", "m": {"x": None, "deep": None}, "list": []},
]


def old_batch() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(ROWS, schema=OLD.arrow())


def test_the_same_schema_is_the_same_batch() -> None:
    batch = old_batch()
    assert conform(batch, OLD.arrow()) is batch


def test_added_fields_are_null_at_every_depth() -> None:
    new = conform(old_batch(), NEW.arrow())
    new.validate(full=True)
    assert new.schema.equals(NEW.arrow(), check_metadata=True)
    assert new.to_pylist() == [
        {"host": "a", "m": {"x": 1, "deep": {"y": None, "ip": None}, "z": None}, "list": [1, 2], "more": None},
        {"host": None, "m": None, "list": None, "more": None},
        {"host": "c", "m": {"x": None, "deep": None, "z": None}, "list": [], "more": None},
    ]


def test_a_slice_keeps_its_rows() -> None:
    new = conform(old_batch().slice(1), NEW.arrow())
    assert [row["host"] for row in new.to_pylist()] == [None, "c"]
    assert [row["m"] for row in new.to_pylist()] == [None, {"x": None, "deep": None, "z": None}]


def test_unchanged_columns_share_their_memory() -> None:
    batch = old_batch()
    new = conform(batch, NEW.arrow())
    assert new.column("host").buffers()[2].address == batch.column("host").buffers()[2].address
    assert new.column("m").field("x").buffers()[1].address == batch.column("m").field("x").buffers()[1].address


def test_columns_take_the_order_of_the_target_and_others_are_left_out() -> None:
    target = pa.schema([OLD.arrow().field("list"), OLD.arrow().field("host")])
    assert conform(old_batch(), target).to_pylist() == [{"list": r["list"], "host": r["host"]} for r in ROWS]


def test_nested_metadata_counts_as_a_difference() -> None:
    plain = pa.schema([pa.field("m", pa.struct([pa.field("a", pa.string())]))])
    marked = pa.schema([pa.field("m", pa.struct([pa.field("a", pa.string(), metadata={"valtype": "ip"})]))])
    batch = pa.RecordBatch.from_pylist([{"m": {"a": "::1"}}], schema=plain)
    assert conform(batch, marked).schema.field("m").type.field("a").metadata == {b"valtype": b"ip"}


def test_a_changed_type_is_refused_by_name() -> None:
    target = pa.schema([pa.field("m", pa.struct([pa.field("x", pa.string())]))])
    with pytest.raises(ValueError, match=r"m\.x"):
        conform(old_batch(), target)


SCALARS = st.sampled_from([ValType.STRING, ValType.LONG, ValType.IP, ValType.BOOLEAN])


def fields(depth: int) -> st.SearchStrategy[tuple[Field, ...]]:
    one = st.builds(Field, st.sampled_from("abcd"), SCALARS)
    if depth:
        one |= st.builds(
            lambda k, inner: Field(k, ValType.MAP, schema=inner), st.sampled_from("efg"), fields(depth - 1)
        )
    return st.lists(one, min_size=1, max_size=4, unique_by=lambda f: f.key).map(tuple)


def without(fields: tuple[Field, ...], data: st.DataObject) -> tuple[Field, ...]:
    """A schema from which `fields` could have grown."""
    kept = [f for f in fields if data.draw(st.booleans())] or [fields[0]]
    return tuple(Field(f.key, f.valtype, schema=without(f.schema, data)) if f.schema else f for f in kept)


def rows(fields: tuple[Field, ...]) -> st.SearchStrategy[dict[str, object]]:
    values = {ValType.STRING: st.text(max_size=3), ValType.LONG: st.integers(-9, 9), ValType.IP: st.just("::1")}
    return st.fixed_dictionaries(
        {f.key: st.none() | (rows(f.schema) if f.schema else values.get(f.valtype, st.booleans())) for f in fields}
    )


def widened(row: dict[str, object] | None, fields: tuple[Field, ...]) -> dict[str, object] | None:
    if row is None:
        return None
    return {f.key: widened(row.get(f.key), f.schema) if f.schema else row.get(f.key) for f in fields}  # type: ignore[arg-type]


@given(st.data())
def test_growth_keeps_every_value(data: st.DataObject) -> None:
    wanted = data.draw(fields(2))
    old = Schema(without(wanted, data))
    new = grow(old, Schema(wanted))
    before = data.draw(st.lists(rows(old.fields), max_size=5))
    start = data.draw(st.integers(0, len(before)))
    batch = pa.RecordBatch.from_pylist(before, schema=old.arrow()).slice(start)
    after = conform(batch, new.arrow())
    after.validate(full=True)
    assert after.schema.equals(new.arrow(), check_metadata=True)
    assert after.to_pylist() == [widened(row, new.fields) for row in before[start:]]
