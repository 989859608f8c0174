"""The main job on real input: 10,000 web log lines over HTTP into a queue, and by an export into Parquet files."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from weblog import SCHEMA, Record, read, to_point

from server import Client, server

LOG = Path(__file__).with_name("apache_access.log.gz")
BATCH = 500
REPO = "/v2/repos/weblogs"
console = Console()


def main() -> int:
    chosen = os.environ.get("DEMO_DIR")
    data_dir = Path(chosen) if chosen else Path(tempfile.mkdtemp(prefix="penstock-demo-"))
    data_dir.mkdir(parents=True, exist_ok=True)
    records = read(LOG)
    with server(data_dir) as client:
        console.print(f"Server up on http://{client.host}:{client.port}, data under {data_dir}")
        make_repo_and_export(client)
        seconds = post(client, records)
        console.print(f"{len(records):,} records accepted and on disk in {seconds:.2f} s")
        wait_for_export(client, len(records))
        files, rows = read_back(data_dir)
    show(rows)
    return prove(records, rows, files, data_dir)


def make_repo_and_export(client: Client) -> None:
    """A new queue for the logs (an older demo's is removed first), exported to bucket `weblogs` every two seconds."""
    if client.call("GET", f"{REPO}/exists")["exist"]:
        for export in client.call("GET", f"{REPO}/exports")["exports"]:
            client.call("DELETE", f"{REPO}/exports/{export['name']}")
        client.call("DELETE", REPO)
    client.call("POST", REPO, {"region": "nb", "schema": SCHEMA, "description": "Apache access logs"})
    spec = {
        "bucket": "weblogs",
        "keyPrefix": f"run-{time.time_ns()}/date=$(year)-$(mon)-$(day)/part",
        "format": "parquet",
        "rotateStrategy": "interval",
        "rotateInterval": 2,
    }
    client.call("POST", f"{REPO}/exports/to_parquet", {"type": "kodo", "spec": spec})


def post(client: Client, records: list[Record]) -> float:
    """Posts gzipped text bodies of 500 records; returns the seconds it took."""
    started = time.monotonic()
    columns = (TextColumn("posting"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("post", total=len(records))
        for first in range(0, len(records), BATCH):
            part = records[first : first + BATCH]
            body = "\n".join(to_point(r) for r in part).encode()
            client.call("POST", f"{REPO}/data", body, gzipped=True)
            progress.advance(task, len(part))
    return time.monotonic() - started


def wait_for_export(client: Client, total: int) -> None:
    """Until the export says that it has written every record; raises with its last error after half a minute."""
    deadline = time.monotonic() + 30
    with console.status("waiting for the export to cut its files"):
        while True:
            status = client.call("GET", f"{REPO}/exports/to_parquet/status")
            if status["recordsOut"] >= total and status["lagRecords"] == 0:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"the export is not done: {status}")
            time.sleep(0.1)


def read_back(data_dir: Path) -> tuple[list[Path], list[Record]]:
    """Every Parquet file of the newest run, with any Parquet reader: here pyarrow."""
    bucket = data_dir / "buckets" / "weblogs"
    newest = max(bucket.glob("run-*"))
    files = sorted(newest.rglob("*.parquet"))
    rows: list[Record] = []
    for file in files:
        rows += pq.ParquetFile(file).read().to_pylist()
    return files, [{k: v for k, v in row.items() if v is not None} for row in rows]


def show(rows: list[Record]) -> None:
    classes: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for row in rows:
        name = f"{int(str(row['status'])) // 100}xx"
        classes[name] += 1
        sizes[name] += int(str(row.get("bytes", 0)))
    table = Table(title="What came out")
    table.add_column("status")
    table.add_column("requests", justify="right")
    table.add_column("MB sent", justify="right")
    for name in sorted(classes):
        table.add_row(name, f"{classes[name]:,}", f"{sizes[name] / 1e6:,.1f}")
    console.print(table)
    paths = Table(title="Top paths")
    paths.add_column("path")
    paths.add_column("requests", justify="right")
    for path, count in Counter(str(r["path"]) for r in rows).most_common(5):
        paths.add_row(path, f"{count:,}")
    console.print(paths)


def prove(sent: list[Record], got: list[Record], files: list[Path], data_dir: Path) -> int:
    """Whole rows compared, order aside: what went in is what came out."""
    missing = Counter(map(_row, sent)) - Counter(map(_row, got))
    extra = Counter(map(_row, got)) - Counter(map(_row, sent))
    if missing or extra:
        console.print(f"[red]NOT EQUAL[/]: {missing.total()} records are missing, {extra.total()} are too many")
        return 1
    console.print(
        f"[green]Equal[/]: {len(sent):,} records went in, the same {len(got):,} came out, in {len(files)} file(s)"
    )
    console.print(
        f"Look next at: {files[0].parent} (the files), {data_dir}/server.log (the log);\n"
        f"start it again with: penstock serve --data-dir {data_dir}, then open http://127.0.0.1:7758/docs"
    )
    return 0


def _row(record: Record) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, v.isoformat() if isinstance(v, datetime) else str(v)) for k, v in record.items()))


if __name__ == "__main__":
    sys.exit(main())
