"""Ingest over HTTP beside Redis Streams and NATS JetStream, in one run on one machine.

    python benchmarks/ingest.py [--window SECONDS] [--rounds N] [--connections N] [--only penstock]

Penstock: posts of 2 MB of text, gzipped, signed; each record's 16 fields in an order of its own; every 200 is on disk.
Redis: the same records by XADD, whole posts pipelined, `appendfsync always`; once as field and value pairs and once as
one value each. JetStream: the same lines published without waiting for each, file storage; synced before each is
acknowledged, and beside it, out of the comparison, as it comes (synced every two minutes). The peers get their bytes
ready-made, plain, over raw sockets: no client library slows them.

What counts is MB of records, as uncompressed text, per CPU-second of the server: user and system time of its whole
process tree. The load generators are processes of their own and are not counted. Rounds take turns; the median of each
candidate is shown, and the best of a peer's ways is what Penstock is held against.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from support import jetstream, redis_streams
from support.http_client import HttpClient, build_post
from support.load import Measured, measure
from support.penstock_server import PenstockServer
from support.records import posts, text_body, text_line
from support.table import print_table, verdict

AIM, AT_LEAST, TIMES_PEER = 120.0, 75.0, 5.0
WARM_S = 2.0
UNSYNCED = "JetStream, not synced"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--window", type=float, default=8.0, help="seconds measured per round and candidate")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--posts", type=int, default=16, help="different posts that are sent in turn")
    parser.add_argument("--only", choices=("penstock", "redis", "jetstream"))
    parser.add_argument("--folder", type=Path, help="where temporary data goes: the disk to measure on")
    options = parser.parse_args()
    made = posts(options.posts)
    runs: dict[str, Callable[[Path], Measured]] = {}

    def against(name: str, run: Callable[[Path], Measured]) -> None:
        if options.only in (None, name.partition(",")[0].lower()):
            runs[name] = run

    bodies = [text_body(post) for post in made]

    def penstock(folder: Path) -> Measured:
        with PenstockServer(folder) as server:
            path = server.create_repo("bench")
            requests = [build_post(server.key, path, body) for body in bodies]
            clients = [HttpClient(server.port, requests) for _ in range(options.connections)]
            return measure(clients, server.pid, warm_s=WARM_S, window_s=options.window)

    def redis(batches: list[redis_streams.Batch], folder: Path) -> Measured:
        with redis_streams.redis_server(folder / "redis") as server:
            clients = [redis_streams.RedisClient(server.port, batches) for _ in range(options.connections)]
            return measure(clients, server.pid, warm_s=WARM_S, window_s=options.window)

    fields = [redis_streams.Batch(redis_streams.field_commands(p), len(b)) for p, b in zip(made, bodies, strict=True)]
    blobs = [
        redis_streams.Batch(redis_streams.blob_commands(map(text_line, p)), len(b))
        for p, b in zip(made, bodies, strict=True)
    ]
    lines = [text_line(record) for post in made for record in post]

    def nats(synced: bool, folder: Path) -> Measured:
        batches = jetstream.batches(lines, 200 if synced else 3000)
        with jetstream.jetstream_server(folder / "nats", synced=synced) as server:
            jetstream.JetStreamClient(server.port, 999_999, batches).create_stream()
            clients = [jetstream.JetStreamClient(server.port, i, batches) for i in range(options.connections)]
            return measure(clients, server.pid, warm_s=WARM_S, window_s=options.window)

    against("Penstock", penstock)
    against("Redis, fields", lambda folder: redis(fields, folder))
    against("Redis, one value", lambda folder: redis(blobs, folder))
    against("JetStream", lambda folder: nats(True, folder))
    against(UNSYNCED, lambda folder: nats(False, folder))

    results: dict[str, list[Measured]] = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, run in runs.items():
            with tempfile.TemporaryDirectory(prefix="penstock-ingest-", dir=options.folder) as folder:
                results[name].append(run(Path(folder)))
    report(results, options.connections)


def report(results: dict[str, list[Measured]], connections: int) -> None:
    efficiency = {name: statistics.median(m.per_cpu_second for m in rounds) for name, rounds in results.items()}
    print_table(
        f"Ingest of 700-byte records over {connections} connections (median of {len(next(iter(results.values())))})",
        ("server", "MB per CPU-s", "rounds", "MB/s", "CPU cores", "p50 ms", "p99 ms", "generator cores"),
        [
            (
                name,
                f"{efficiency[name]:.1f}",
                " ".join(f"{m.per_cpu_second:.0f}" for m in rounds),
                f"{statistics.median(m.per_second for m in rounds):.1f}",
                f"{statistics.median(m.cpu_seconds / m.seconds for m in rounds):.2f}",
                f"{statistics.median(m.latency(0.5) for m in rounds) * 1e3:.1f}",
                f"{statistics.median(m.latency(0.99) for m in rounds) * 1e3:.1f}",
                f"{statistics.median(m.generator_cpu_seconds / m.seconds for m in rounds):.2f}",
            )
            for name, rounds in results.items()
        ],
    )
    if "Penstock" not in efficiency:
        return
    ours = efficiency["Penstock"]
    rows = [("Penstock", f"{ours:.1f} MB per CPU-s", f"at least {AT_LEAST:g}, aim {AIM:g}", verdict(ours >= AT_LEAST))]
    for peer in ("Redis", "JetStream"):
        if ways := [value for name, value in efficiency.items() if name.startswith(peer) and name != UNSYNCED]:
            times = ours / max(ways)
            rows.append((f"beside {peer}", f"{times:.1f} times", f"at least {TIMES_PEER:g}", verdict(times >= 5)))
    print_table("Promises", ("", "shown", "promised", ""), rows)


if __name__ == "__main__":
    main()
