"""A flow worker killed at each named point of an export, over the real log: each record is in the files once."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from moto.server import ThreadedMotoServer

from penstock.catalog import exports
from penstock.connect.settings import BucketMapping, BucketSettings
from penstock.log import open_reader, open_writer
from penstock.model.crashpoint import ENVIRONMENT, POINTS
from penstock.model.datadir import DataDir
from penstock.model.flow import Export
from penstock.stream.journal import read_journals
from stream.rig import Rig, until

LOCAL = [
    "export.cut.journaled",
    "export.file.written",
    "export.file.synced",
    "export.folder.made",
    "export.file.renamed",
    "export.ledger.written",
    "export.commit.journaled",
]
S3 = "export.object.put"
DROP = "export.drop.journaled"
TESTS = Path(__file__).parent.parent


class SegmentLog:
    """The real log, as the rig wants it."""

    def __init__(self, data: DataDir) -> None:
        self.data = data

    def writer(self) -> Any:
        return open_writer(self.data)

    def reader(self, queue: Any) -> Any:
        return open_reader(self.data, queue)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, log=SegmentLog(DataDir(tmp_path / "data")))
    yield made
    made.writer.close()
    made.close()


def start(rig: Rig, crash_at: str = "", buckets: BucketSettings | None = None) -> subprocess.Popen[str]:
    arguments = [str(rig.data.root), msgspec.json.encode(buckets or BucketSettings()).decode()]
    return subprocess.Popen(
        [sys.executable, "-m", "crash.export_child", *arguments],
        cwd=TESTS,
        env={**os.environ, ENVIRONMENT: crash_at},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def crash(rig: Rig, point: str, buckets: BucketSettings | None = None) -> None:
    with start(rig, point, buckets) as child:
        assert child.wait(60) == -signal.SIGKILL


def drain(rig: Rig, export: Export, records: int, buckets: BucketSettings | None = None) -> None:
    """Run a worker that nobody kills until everything is out."""
    with start(rig, buckets=buckets) as child:
        until(lambda: read_journals(rig.data).get(export.id), lambda r: r is not None and r.records_out >= records, 60)
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(60) == 0


def test_every_point_of_an_export_is_tried_here() -> None:
    assert {*LOCAL, S3, DROP} == {name for name in POINTS if name.startswith("export.")}


@pytest.mark.parametrize("point", LOCAL)
def test_each_record_is_written_once(rig: Rig, point: str) -> None:
    repo = rig.repo()
    export = rig.export(repo, rotateInterval=1, retention=9, keyPrefix="p/$(year)/$(sec)/x")
    for start_at in (0, 100):
        rig.post(repo, start_at, 100)
        crash(rig, point)
    rig.post(repo, 200, 100)
    drain(rig, export, 300)
    assert sorted(rig.written()) == list(range(300))
    assert list((rig.data.buckets / "bkt" / ".penstock-temp").iterdir()) == []


def test_each_object_is_put_once(rig: Rig) -> None:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    try:
        client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="s"
        )
        client.create_bucket(Bucket="points")
        mapping = BucketMapping(bucket="points", endpoint=endpoint, access_key="a", secret_key="s", allow_http=True)
        buckets = BucketSettings(map={"bkt": mapping})
        repo = rig.repo()
        export = rig.export(repo, rotateInterval=1)
        rig.post(repo, 0, 100)
        crash(rig, S3, buckets)
        rig.post(repo, 100, 100)
        drain(rig, export, 200, buckets)
        keys = [entry["Key"] for entry in client.list_objects_v2(Bucket="points")["Contents"]]
        texts = [client.get_object(Bucket="points", Key=key)["Body"].read() for key in sorted(keys)]
        assert [msgspec.json.decode(line)["n"] for text in texts for line in text.splitlines()] == list(range(200))
        assert list((rig.data.flows / "spool").iterdir()) == []
    finally:
        server.stop()


def test_a_deleted_export_is_forgotten_in_the_end(rig: Rig) -> None:
    repo = rig.repo()
    export = rig.export(repo, rotateInterval=1)
    rig.post(repo, 0, 10)
    drain(rig, export, 10)
    rig.delete(export)
    crash(rig, DROP)
    assert rig.catalog.read(exports.dropped) == [export.id]
    with start(rig) as child:
        until(lambda: rig.catalog.read(exports.dropped), lambda left: left == [], 60)
        child.kill()
    assert read_journals(rig.data) == {}


@pytest.mark.soak
def test_killed_at_any_moment(rig: Rig) -> None:
    chance = random.Random(3)
    repo = rig.repo()
    export = rig.export(
        repo, rotateStrategy="both", rotateSize=20_000, rotateInterval=1, compress=True, keyPrefix="$(min)/$(sec)"
    )
    posted = 0
    for _ in range(100):
        with start(rig) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            end = time.monotonic() + chance.uniform(0.0, 1.0)
            while time.monotonic() < end:
                rig.post(repo, posted, 50)
                posted += 50
            child.kill()
    drain(rig, export, posted)
    lines = [line for text in rig.files().values() for line in gzip.decompress(text).splitlines()]
    rows = sorted((msgspec.json.decode(line) for line in lines), key=lambda row: row["n"])
    assert rows == [{"n": n, "s": f"x{n}"} for n in range(posted)]
