"""A flow worker in a thread over a real catalog, an in-memory log and local buckets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa

from penstock.catalog import exports, repos
from penstock.catalog.audit import AuditEntry
from penstock.catalog.database import Catalog
from penstock.connect.buckets import Buckets
from penstock.connect.interface import SinkContext
from penstock.connect.registry import sink_type
from penstock.connect.settings import BucketSettings
from penstock.log import MemoryLog
from penstock.log.interface import LogReader
from penstock.model.datadir import DataDir
from penstock.model.flow import Export, FlowState, FlowStatus, Positions
from penstock.model.limits import Limits
from penstock.model.repo import QueueId, Repo
from penstock.model.schema import parse_schema
from penstock.stream.export import Clock
from penstock.stream.settings import FlowSettings
from penstock.stream.status import status_of
from penstock.stream.worker import FlowWorker

ZONE = ZoneInfo("Asia/Shanghai")
NOW_US = 1_484_206_200_000_000
"""2017-01-12 15:30:00 in Beijing, the seed's own example time."""
FAST = FlowSettings(poll_ms=10, retry_base_s=0.02, retry_max_s=0.1, expire_s=0.05, retain_s=0.05, threads=2)
SCHEMA = [{"key": "n", "valtype": "long"}, {"key": "s", "valtype": "string"}]


class Rig:
    """One deployment. Time stands still until `pass_time`; nothing is written by interval before."""

    def __init__(
        self, root: Path, settings: FlowSettings = FAST, buckets: BucketSettings | None = None, log: Any = None
    ) -> None:
        self.data = DataDir(root / "data")
        self.settings = settings
        self.catalog = Catalog.open(self.data, migrate=True)
        self.log = log or MemoryLog()
        self.writer = self.log.writer()
        self.buckets = Buckets(self.data, buckets or BucketSettings())
        self.ahead_us = 0
        self.readers: Callable[[QueueId], LogReader] = self.log.reader

    def now_us(self) -> int:
        return NOW_US + self.ahead_us

    def pass_time(self, seconds: float) -> None:
        self.ahead_us += int(seconds * 1_000_000)

    def context(self, owner: str = "o") -> SinkContext:
        return SinkContext(owner, self.buckets, ZONE)

    # definitions

    def change(self, fn: Callable[[Any], Any]) -> Any:
        return self.catalog.change(AuditEntry(owner="o", principal="t", action="a", object="b"), fn).result(30)

    def repo(self, name: str = "src", owner: str = "o", schema: list[dict[str, Any]] | None = None) -> Repo:
        made = Repo(owner=owner, name=name, incarnation=0, region="nb", schema=parse_schema(schema or SCHEMA, Limits()))
        repo: Repo = self.change(lambda conn: repos.create(conn, made))
        return repo

    def export(self, repo: Repo, name: str = "ex", start: Positions | None = None, **spec: Any) -> Export:
        sink = sink_type("kodo")
        full = sink.parse_spec({"bucket": "bkt", "rotateInterval": 60, **spec}, repo, Limits())
        made = Export(id=0, queue=repo.queue, name=name, type="kodo", spec=full, start=start or {})

        def create(conn: Any) -> Export:
            sink.claim_target(full, self.context(repo.owner), conn)
            return exports.create(conn, made)

        export: Export = self.change(create)
        return export

    def put(self, export: Export, **changes: Any) -> Export:
        queue = export.queue
        change = lambda old: msgspec.structs.replace(old, spec={**old.spec, **changes})  # noqa: E731
        new: Export = self.change(lambda conn: exports.update(conn, queue.owner, queue.repo, export.name, change))
        return new

    def pause(self, export: Export, paused: bool) -> None:
        queue = export.queue
        self.change(lambda conn: exports.set_paused(conn, queue.owner, queue.repo, export.name, paused))

    def delete(self, export: Export) -> None:
        queue = export.queue
        self.change(lambda conn: exports.delete(conn, queue.owner, queue.repo, export.name))

    # records

    def post(self, repo: Repo, first: int, count: int, text: str = "x") -> None:
        """Records n = first, first+1, ... that arrive now."""
        rows = [{"n": n, "s": f"{text}{n}"} for n in range(first, first + count)]
        batch = pa.RecordBatch.from_pylist(rows, schema=repo.schema.arrow())
        self.writer.append(repo.queue, batch, arrived_at_us=self.now_us()).result(30)

    # running

    def worker(self, **more: Any) -> FlowWorker:
        worker = FlowWorker(
            self.data, self.catalog, self.settings, self.readers, self.buckets, ZONE, clock=Clock(self.now_us), **more
        )
        worker.publish_s = 0.0
        return worker

    @contextmanager
    def running(self, worker: FlowWorker | None = None) -> Iterator[FlowWorker]:
        worker = worker or self.worker()
        stop, ready = threading.Event(), threading.Event()
        failure: list[BaseException] = []

        def run() -> None:
            try:
                worker.run(stop, ready.set)
            except BaseException as error:
                failure.append(error)
                ready.set()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            assert ready.wait(30)
            yield worker
        finally:
            stop.set()
            thread.join(30)
            assert not thread.is_alive()
            if failure:
                raise failure[0]

    # looking

    def status(self, export: Export) -> FlowStatus:
        return status_of(self.data, export)

    def wait_written(self, export: Export, records: int) -> FlowStatus:
        return until(lambda: self.status(export), lambda s: s.records_out >= records)

    def wait_state(self, export: Export, state: FlowState) -> FlowStatus:
        return until(lambda: self.status(export), lambda s: s.state is state)

    def files(self, bucket: str = "bkt") -> dict[str, bytes]:
        """Every published file of a local bucket by key."""
        root = self.data.buckets / bucket
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and not path.relative_to(root).parts[0].startswith(".")
        }

    def written(self, bucket: str = "bkt") -> list[int]:
        """The n of every record in the bucket's JSON files, in the order of the names."""
        return [msgspec.json.decode(line)["n"] for text in self.files(bucket).values() for line in text.splitlines()]

    def close(self) -> None:
        self.catalog.close()


T = TypeVar("T")


def until(look: Callable[[], T], fits: Callable[[T], bool], timeout_s: float = 30.0) -> T:
    """Look until it fits; fails with the last look."""
    deadline = time.monotonic() + timeout_s
    event = threading.Event()
    while True:
        seen = look()
        if fits(seen):
            return seen
        assert time.monotonic() < deadline, f"never came: {seen}"
        event.wait(0.005)
