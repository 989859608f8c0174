"""What every sink of files must do, whichever store is under it. One row of STORES a store."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from penstock.connect.buckets import Buckets
from penstock.connect.interface import Cut, Sink, SinkContext
from penstock.connect.registry import sink_type
from penstock.connect.settings import BucketMapping, BucketSettings
from penstock.model.datadir import DataDir
from penstock.model.limits import Limits
from penstock.model.repo import Repo
from penstock.model.schema import parse_schema

SCHEMA = parse_schema(
    [
        {"key": "n", "valtype": "long"},
        {"key": "s", "valtype": "string"},
        {"key": "m", "valtype": "map", "schema": [{"key": "x", "valtype": "long"}]},
    ],
    Limits(),
)
REPO = Repo(owner="o", name="r", incarnation=1, region="nb", schema=SCHEMA)
AT_US = 1_484_206_200_000_000


class Store:
    """One bucket, seen from outside."""

    def __init__(self, context: SinkContext, read: Callable[[str], bytes | None], keys: Callable[[], set[str]]) -> None:
        self.context, self.read, self.keys = context, read, keys

    def sink(self, **spec: Any) -> Sink:
        kind = sink_type("kodo")
        full = kind.parse_spec({"bucket": "bkt", **spec}, REPO, Limits())
        return kind.open(full, SCHEMA, self.context)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def _local(tmp_path: Path, request: pytest.FixtureRequest) -> Store:
    data = DataDir(tmp_path / "data")
    return _folder(data, data.buckets / "bkt", BucketSettings())


def _mapped(tmp_path: Path, request: pytest.FixtureRequest) -> Store:
    place = tmp_path / "elsewhere"
    settings = BucketSettings(strict=True, map={"bkt": BucketMapping(path=str(place))})
    return _folder(DataDir(tmp_path / "data"), place, settings)


def _folder(data: DataDir, root: Path, settings: BucketSettings) -> Store:
    def keys() -> set[str]:
        names = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        return {name for name in names if not name.startswith(".penstock-temp/")}

    def read(key: str) -> bytes | None:
        return (root / key).read_bytes() if (root / key).is_file() else None

    return Store(_context(data, settings), read, keys)


def _s3(tmp_path: Path, request: pytest.FixtureRequest) -> Store:
    endpoint: str = request.getfixturevalue("s3")
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="ak", aws_secret_access_key="sk"
    )
    name = f"real-{abs(hash(tmp_path)) % 10**9}"
    client.create_bucket(Bucket=name)
    mapping = BucketMapping(
        bucket=name, prefix="below/", endpoint=endpoint, access_key="ak", secret_key="sk", allow_http=True
    )

    def keys() -> set[str]:
        found = client.list_objects_v2(Bucket=name).get("Contents", [])
        return {entry["Key"].removeprefix("below/") for entry in found}

    def read(key: str) -> bytes | None:
        if key not in keys():
            return None
        content: bytes = client.get_object(Bucket=name, Key=f"below/{key}")["Body"].read()
        return content

    settings = BucketSettings(map={"o/bkt": mapping})
    return Store(_context(DataDir(tmp_path / "data"), settings), read, keys)


def _context(data: DataDir, settings: BucketSettings) -> SinkContext:
    return SinkContext("o", Buckets(data, settings), ZoneInfo("Asia/Shanghai"))


STORES = {"local": _local, "mapped folder": _mapped, "s3": _s3}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return STORES[request.param](tmp_path, request)


def rows(first: int, count: int) -> list[dict[str, Any]]:
    return [{"n": n, "s": f"text {n}", "m": {"x": -n}} for n in range(first, first + count)]


def batches(sink: Sink, *counts: int) -> Iterator[pa.RecordBatch]:
    """Records n = 0, 1, ... in batches of these sizes."""
    bounds = [sum(counts[:i]) for i in range(len(counts) + 1)]
    for first, last in pairwise(bounds):
        whole = pa.RecordBatch.from_pylist(rows(first, last - first), schema=SCHEMA.arrow())
        yield whole.select(sink.source.names)


def cut(sequence: int = 1, flow: int = 7, created: int = 1_484_000_000_000_000, at_us: int = AT_US) -> Cut:
    return Cut(flow, created, sequence, at_us)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("format_", ["json", "text", "csv", "parquet"])
@pytest.mark.parametrize("fields", [{}, {"x": "#m.x", "k": "n"}])
def test_every_record_is_in_the_file_once(store: Store, format_: str, compress: bool, fields: dict[str, str]) -> None:
    sink = store.sink(format=format_, delimiter=",", compress=compress, fields=fields)
    target = sink.target(cut())
    written = sink.write(target, batches(sink, 3, 1, 2), AT_US)
    content = store.read(target)
    assert content is not None
    assert (written.records, written.size, written.expires_at_us) == (6, len(content), None)
    assert store.keys() == {target}
    zipped = compress and format_ != "parquet"
    assert target.endswith(".gz") == zipped
    found = _parse(format_, gzip.decompress(content) if zipped else content)
    names = list(fields) or ["n", "s", "m"]
    picked = [row if not fields else {"x": row["m"]["x"], "k": row["n"]} for row in rows(0, 6)]
    assert found == ([[_csv(row[name]) for name in names] for row in picked] if format_ in ("csv", "text") else picked)


def test_a_repeat_replaces_the_file_by_the_same_bytes(store: Store) -> None:
    sink = store.sink(compress=True, keyPrefix="a/b/$(year)")
    target = sink.target(cut())
    sink.write(target, batches(sink, 5, 5), AT_US)
    first = store.read(target)
    again = store.sink(compress=True, keyPrefix="a/b/$(year)")
    again.write(again.target(cut()), batches(again, 1, 9), AT_US)
    assert store.read(target) == first
    assert store.keys() == {target}


def test_a_failed_write_leaves_nothing_to_be_seen(store: Store, tmp_path: Path) -> None:
    sink = store.sink()
    target = sink.target(cut())

    def broken() -> Iterator[pa.RecordBatch]:
        yield from batches(sink, 3)
        raise RuntimeError("the log is damaged")

    with pytest.raises(RuntimeError, match="damaged"):
        sink.write(target, broken(), AT_US)
    assert store.keys() == set()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    sink.write(target, batches(sink, 3), AT_US)
    assert store.keys() == {target}


def test_names_differ_by_flow_creation_and_sequence(store: Store) -> None:
    sink = store.sink(keyPrefix="p/$(year)")
    cuts = [cut(), cut(sequence=2), cut(flow=8), cut(created=1_484_000_001_000_000)]
    assert len({sink.target(c) for c in cuts}) == 4
    assert sink.target(cut()) == sink.target(cut())
    assert sink.target(cut()) == "p/2017_7-58740b00-000001.json"


def test_the_time_in_the_name_is_the_deployments(store: Store) -> None:
    assert store.sink().target(cut()).startswith("2017-01-12-15-30-00_")


def test_large_writes_go_out_in_parts(store: Store) -> None:
    sink = store.sink()
    target = sink.target(cut())
    written = sink.write(target, batches(sink, *[50_000] * 6), AT_US)
    content = store.read(target)
    assert content is not None
    assert written.size == len(content) > 10_000_000
    assert content.count(b"\n") == 300_000


def test_removes_what_it_wrote_and_only_that(store: Store) -> None:
    sink = store.sink(retention=2)
    first, second = sink.target(cut()), sink.target(cut(sequence=2))
    assert sink.write(first, batches(sink, 1), AT_US).expires_at_us == AT_US + 2 * 86_400_000_000
    sink.write(second, batches(sink, 1), AT_US)
    kind = sink_type("kodo")
    kind.remove(first, {"bucket": "bkt"}, store.context)
    kind.remove(first, {"bucket": "bkt"}, store.context)
    kind.remove("never/was.json", {"bucket": "bkt"}, store.context)
    assert store.keys() == {second}


def test_measuring_writes_nothing(store: Store) -> None:
    sink = store.sink(compress=True)
    size = sink.measure(batches(sink, 100))
    assert store.keys() == set()
    assert sink.write(sink.target(cut()), batches(sink, 100), AT_US).size == size


def test_a_store_that_does_not_answer_is_an_os_error(tmp_path: Path) -> None:
    mapping = BucketMapping(
        bucket="b", endpoint="http://127.0.0.1:9", access_key="ak", secret_key="geheim", allow_http=True
    )
    context = _context(DataDir(tmp_path), BucketSettings(map={"bkt": mapping}))
    sink = Store(context, lambda _: None, set).sink()
    with pytest.raises(OSError, match=r"127\.0\.0\.1") as caught:
        sink.write("key.json", batches(sink, 1), AT_US)
    assert "geheim" not in str(caught.value)


def _parse(format_: str, content: bytes) -> list[Any]:
    match format_:
        case "json":
            return [msgspec.json.decode(line) for line in content.splitlines()]
        case "parquet":
            rows: list[Any] = pq.read_table(io.BytesIO(content)).to_pylist()
            return rows
        case "text":
            return [[part.partition("=")[2] for part in line.split("\t")] for line in content.decode().splitlines()]
        case "csv":
            import csv

            return list(csv.reader(io.StringIO(content.decode(), newline="")))
    raise AssertionError(format_)


def _csv(value: Any) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else str(value)
