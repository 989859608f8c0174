from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from penstock.connect.buckets import Buckets
from penstock.connect.interface import SinkContext
from penstock.connect.registry import SINK_TYPES, mask_spec, sink_type
from penstock.connect.settings import BucketSettings
from penstock.connect.sink_field import MASK
from penstock.connect.sinks.kodo import KODO
from penstock.model.datadir import DataDir
from penstock.model.errors import Kind, Problem
from penstock.model.limits import Limits
from penstock.model.repo import Repo
from penstock.model.schema import parse_schema

LIMITS = Limits()


def repo(*keys: str) -> Repo:
    schema = [{"key": key, "valtype": "string"} for key in keys]
    schema.append({"key": "m", "valtype": "map", "schema": [{"key": "x", "valtype": "long"}]})
    return Repo(owner="o", name="r", incarnation=1, region="nb", schema=parse_schema(schema, LIMITS))


def parse(raw: dict[str, Any], **more: Any) -> dict[str, Any]:
    return KODO.parse_spec(raw, repo("f1", "f2"), LIMITS, **more)


RECORDED = {
    "go-sdk 044": (
        '{"bucket":"bkt","keyPrefix":"p/$(year)","fields":{"f1":"#f1"},"rotateStrategy":"both","rotateSize":1048576,'
        '"rotateInterval":60,"rotateNumber":0,"rotateSizeType":"","email":"a@example.com","accessKey":"ak",'
        '"format":"csv","delimiter":",","compress":true,"retention":3,"kodo_file_type":0,"exportZone":"",'
        '"exportAccessKey":"","exportSecretKey":""}'
    ),
    "go-sdk 110": (
        '{"bucket":"my-bucket","keyPrefix":"logkitauto/date=$(year)-$(mon)-$(day)/hour=$(hour)/min=$(min)/$(sec)",'
        '"fields":{"cpu":"#cpu","host":"#host","n":"#n","ok":"#ok","time":"#time"},"rotateStrategy":"","rotateSize":0,'
        '"rotateInterval":0,"rotateNumber":0,"rotateSizeType":"KB","email":"a@example.com","accessKey":"test_ak",'
        '"format":"parquet","compress":false,"retention":0,"kodo_file_type":0,"exportZone":"","exportAccessKey":"",'
        '"exportSecretKey":""}'
    ),
    "go-sdk 125": (
        '{"bucket":"my_bucket","keyPrefix":"logkitauto/date=$(year)-$(mon)-$(day)/hour=$(hour)/min=$(min)/$(sec)",'
        '"fields":{"cpu":"#cpu","extra_key":"#extra_key","host":"#host"},"rotateStrategy":"","rotateSize":134217728,'
        '"rotateInterval":3600,"rotateNumber":134217728,"rotateSizeType":"B","email":"a@example.com",'
        '"accessKey":"test_ak","format":"parquet","compress":false,"retention":0,"kodo_file_type":0,"exportZone":"",'
        '"exportAccessKey":"","exportSecretKey":""}'
    ),
}
"""Specs as the Go SDK and the log agent sent them."""


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_specs_are_accepted(name: str) -> None:
    raw = msgspec.json.decode(RECORDED[name])
    fields = ("f1", "cpu", "host", "n", "ok", "time", "extra_key")
    spec = KODO.parse_spec(raw, repo(*fields), LIMITS)
    for key, value in raw.items():
        assert spec[key] == value or value in ("", 0)


def test_defaults() -> None:
    assert parse({"bucket": "b"}) == {
        "bucket": "b", "keyPrefix": "", "fields": {}, "rotateStrategy": "interval", "rotateSize": 5242880,
        "rotateInterval": 600, "rotateNumber": 0, "rotateSizeType": "", "format": "json", "delimiter": "",
        "compress": False, "retention": 0, "email": "", "accessKey": "", "kodo_file_type": 0, "exportZone": "",
        "exportAccessKey": "", "exportSecretKey": "",
    }  # fmt: skip


def test_a_checked_spec_is_accepted_again_unchanged() -> None:
    spec = parse(msgspec.json.decode(RECORDED["go-sdk 044"]))
    assert parse(spec) == spec


def test_the_size_may_be_given_as_number_and_unit() -> None:
    assert parse({"bucket": "b", "rotateNumber": 3, "rotateSizeType": "MB"})["rotateSize"] == 3 * 1024**2
    assert parse({"bucket": "b", "rotateNumber": 3, "rotateSizeType": "MB", "rotateSize": 9})["rotateSize"] == 9


@pytest.mark.parametrize(
    ("change", "kind", "word"),
    [
        ({"bucket": None}, Kind.BUCKET_MISSING, "bucket"),
        ({"bucket": ""}, Kind.BUCKET_MISSING, "bucket"),
        ({"bucket": ".."}, Kind.BUCKET_MISSING, "bucket"),
        ({"bucket": ".b"}, Kind.BUCKET_MISSING, "bucket"),
        ({"bucket": "a/b"}, Kind.BUCKET_MISSING, "bucket"),
        ({"bucket": "a\\b"}, Kind.BUCKET_MISSING, "bucket"),
        ({"bucket": "a\0b"}, Kind.BUCKET_MISSING, "bucket"),
        ({"bucket": "x" * 256}, Kind.BUCKET_MISSING, "bucket"),
        ({"bucket": 7}, Kind.EXPORT_INVALID, "bucket"),
        ({"keyPrefix": "../x"}, Kind.EXPORT_PREFIX, "keyPrefix"),
        ({"keyPrefix": "$(week)"}, Kind.EXPORT_PREFIX, "week"),
        ({"fields": {"a": "#nope"}}, Kind.EXPORT_SOURCE_MISSING, "nope"),
        ({"fields": {"a": "#m.nope"}}, Kind.EXPORT_SOURCE_MISSING, "nope"),
        ({"fields": {"a": "#f1.x"}}, Kind.EXPORT_SOURCE_MISSING, "f1"),
        ({"fields": {"a": "#"}}, Kind.EXPORT_SOURCE_EMPTY, "fields.a"),
        ({"fields": {"a": ""}}, Kind.EXPORT_SOURCE_EMPTY, "fields.a"),
        ({"fields": {"": "#f1"}}, Kind.EXPORT_DESTINATION_EMPTY, "f1"),
        ({"fields": {"a b": "#f1"}}, Kind.EXPORT_DESTINATION_NAME, "a b"),
        ({"fields": {"a": 1}}, Kind.EXPORT_INVALID, "fields"),
        ({"fields": ["f1"]}, Kind.EXPORT_INVALID, "fields"),
        ({"rotateStrategy": "never"}, Kind.EXPORT_INVALID, "rotateStrategy"),
        ({"rotateSize": 1024**3 + 1}, Kind.EXPORT_ROTATE_SIZE, "rotateSize"),
        ({"rotateSize": -1}, Kind.EXPORT_INVALID, "rotateSize"),
        ({"rotateSize": "5"}, Kind.EXPORT_INVALID, "rotateSize"),
        ({"rotateInterval": -1}, Kind.EXPORT_INVALID, "rotateInterval"),
        ({"rotateNumber": 2, "rotateSizeType": "GB"}, Kind.EXPORT_ROTATE_SIZE, "rotateSize"),
        ({"format": "orc"}, Kind.EXPORT_INVALID, "format"),
        ({"format": "csv"}, Kind.EXPORT_DELIMITER, "delimiter"),
        ({"format": "csv", "delimiter": ""}, Kind.EXPORT_DELIMITER, "delimiter"),
        ({"format": "csv", "delimiter": ", "}, Kind.EXPORT_DELIMITER, "delimiter"),
        ({"format": "csv", "delimiter": '"'}, Kind.EXPORT_DELIMITER, "delimiter"),
        ({"format": "csv", "delimiter": "\n"}, Kind.EXPORT_DELIMITER, "delimiter"),
        ({"compress": "yes"}, Kind.EXPORT_INVALID, "compress"),
        ({"retention": "3"}, Kind.EXPORT_INVALID, "retention"),
    ],
)
def test_refuses(change: dict[str, Any], kind: Kind, word: str) -> None:
    with pytest.raises(Problem, match=word) as caught:
        parse({"bucket": "b", **change})
    assert caught.value.kind is kind


def test_limits_are_met_at_their_edge() -> None:
    assert parse({"bucket": "x" * 255, "rotateSize": 1024**3})["rotateSize"] == 1024**3


@pytest.mark.parametrize(("days", "kept"), [(0, None), (-3, None), (1, 86_400_000_000), (2**62, None)])
def test_files_are_kept_for_days_or_for_ever(days: int, kept: int | None, tmp_path: Path) -> None:
    buckets = Buckets(DataDir(tmp_path), BucketSettings())
    context = SinkContext(owner="o", buckets=buckets, timezone=UTC)
    sink = KODO.open(parse({"bucket": "files", "retention": days}), repo("f1").schema, context)
    batch = pa.RecordBatch.from_pylist([{"f1": "a"}], schema=sink.source)
    assert sink.write("a.json", iter([batch]), 7).expires_at_us == (None if kept is None else 7 + kept)


def test_a_mapping_reaches_into_maps_and_takes_bare_names() -> None:
    fields = {"a": "#f1", "b": "f2", "c": "#m.x"}
    assert parse({"bucket": "b", "fields": fields})["fields"] == fields


def test_the_secret_is_masked_and_kept() -> None:
    stored = parse({"bucket": "b", "exportSecretKey": "geheim"})
    shown = mask_spec("kodo", stored)
    assert shown["exportSecretKey"] == MASK
    assert shown["accessKey"] == ""
    assert parse(shown, stored=stored) == stored


@pytest.mark.parametrize("name", ["http", "logdb", "tsdb", "mongo", "hdfs", "report", "", None, 3, ["kodo"], {}])
def test_types_that_this_server_lacks_are_refused_by_name(name: object) -> None:
    with pytest.raises(Problem, match="kodo") as caught:
        sink_type(name)
    assert caught.value.kind is Kind.EXPORT_TYPE


def test_every_field_of_every_type_is_described() -> None:
    for sink in SINK_TYPES.values():
        assert all(field.description for field in sink.fields)
        assert len({field.name for field in sink.fields}) == len(sink.fields)
