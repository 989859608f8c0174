import pyarrow as pa

from penstock.model.limits import Limits
from penstock.model.schema import parse_schema
from penstock.records.project import Projection

SCHEMA = parse_schema(
    [
        {"key": "a", "valtype": "long"},
        {"key": "j", "valtype": "jsonstring"},
        {"key": "m", "valtype": "map", "schema": [{"key": "x", "valtype": "long"}, {"key": "ip", "valtype": "ip"}]},
    ],
    Limits(),
)
ROWS = [
    {"a": 1, "j": "{}", "m": {"x": 7, "ip": "::1"}},
    {"a": None, "j": None, "m": None},
    {"a": 3, "j": "[]", "m": {"x": None, "ip": None}},
]


def project(mapping: dict[str, str]) -> tuple[Projection, pa.RecordBatch]:
    projection = Projection(mapping, SCHEMA)
    batch = pa.RecordBatch.from_pylist(ROWS, schema=SCHEMA.arrow()).select(projection.source.names)
    return projection, projection.apply(batch)


def test_an_empty_mapping_is_every_field() -> None:
    projection, out = project({})
    assert projection.source.equals(SCHEMA.arrow(), check_metadata=True)
    assert out.schema.equals(SCHEMA.arrow(), check_metadata=True)
    assert out.to_pylist() == ROWS


def test_renames_reorders_repeats_and_reads_only_what_it_needs() -> None:
    projection, out = project({"z": "#j", "b": "a", "c": "#a"})
    assert projection.source.names == ["a", "j"]
    assert out.to_pylist() == [{"z": r["j"], "b": r["a"], "c": r["a"]} for r in ROWS]
    assert out.schema.field("z").metadata == {b"valtype": b"jsonstring"}


def test_reaches_into_maps_and_nulls_come_along() -> None:
    projection, out = project({"x": "#m.x", "ip": "m.ip"})
    assert projection.source.names == ["m"]
    assert out.to_pylist() == [{"x": 7, "ip": "::1"}, {"x": None, "ip": None}, {"x": None, "ip": None}]
    assert out.schema.field("ip").metadata == {b"valtype": b"ip"}
