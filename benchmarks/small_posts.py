"""Posts of one record over HTTP beside the disk's own fdatasync, in one run on one machine.

    python benchmarks/small_posts.py [--window SECONDS] [--connections N] [--delays 0,10]

Signed posts of one 700-byte record each over 8 connections, into 1 repo and into 200 repos in turn; the time from the
request's first byte to the answer's last, and every 200 is on disk; also the server's CPU time per post. Two loads:
each connection sends its next post at once (the machine is then full), and posts spread evenly over time at half of
that rate.

The yardstick is the disk alone under as many writers: as many processes as there are connections, each appending one
record's bytes to a file of its own and calling fdatasync, over and over. With a delay every fdatasync, the server's
(PENSTOCK_SYNC_DELAY_MS) and the yardstick's, takes that much longer, as on a slower disk.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from support.http_client import HttpClient, build_post
from support.load import Measured, measure
from support.penstock_server import PenstockServer
from support.records import records, text_line
from support.table import print_table, verdict

from penstock.log.files import SYNC_DELAY

AT_MOST = 3.0
WARM_S = 1.0
REPOS = (1, 200)


class DiskWriter:
    """The yardstick's load: one file, one record and one sync at a time."""

    def __init__(self, path: Path, record: bytes, delay_s: float) -> None:
        self._path, self._record, self._delay_s = path, record, delay_s

    def connect(self) -> None:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def exchange(self, turn: int) -> int:
        os.write(self._fd, self._record)
        if self._delay_s:
            time.sleep(self._delay_s)
        os.fdatasync(self._fd)
        return len(self._record)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--window", type=float, default=6.0, help="seconds measured per case")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--delays", default="0,10", help="milliseconds added to every fdatasync, one table each")
    parser.add_argument("--folder", type=Path, help="where temporary data goes: the disk to measure on")
    options = parser.parse_args()
    for delay in options.delays.split(","):
        with tempfile.TemporaryDirectory(prefix="penstock-small-posts-", dir=options.folder) as folder:
            compare(Path(folder), float(delay), options.connections, options.window)


def compare(folder: Path, delay_ms: float, connections: int, window_s: float) -> None:
    """One table: the yardstick, then each number of repos under each load."""
    record = text_line(next(records(7))).encode()
    writers = [DiskWriter(folder / f"disk-{i}", record, delay_ms / 1000) for i in range(connections)]
    disk = measure(writers, os.getpid(), warm_s=WARM_S, window_s=window_s)
    rows = [_row("fdatasync", disk, disk)]
    for count in REPOS:
        place = folder / f"{count}-repos"
        place.mkdir()
        with PenstockServer(place, {SYNC_DELAY: f"{delay_ms:g}"} if delay_ms else None) as server:
            paths = [server.create_repo(f"bench{i}") for i in range(count)]
            requests = [build_post(server.key, path, record, gz=False) for path in paths]
            clients = [HttpClient(server.port, requests) for _ in range(connections)]
            warm_s = WARM_S + count * (0.02 + 2 * delay_ms / 1000)  # every process has made its file of every repo
            full = measure(clients, server.pid, warm_s=warm_s, window_s=window_s)
            half = measure(
                clients, server.pid, warm_s=WARM_S, window_s=window_s, rate=len(full.exchanges) / window_s / 2
            )
        name = f"{count} repo{'s' if count > 1 else ''}"
        rows += [_row(f"{name}, full load", full, disk), _row(f"{name}, half load", half, disk)]
    print_table(
        f"One-record posts over {connections} connections, {delay_ms:g} ms added to every fdatasync",
        ("", "a second", "CPU us", "p50 ms", "p99 ms", "p50 times", "p99 times", f"at most {AT_MOST:g}"),
        rows,
    )


def _row(name: str, measured: Measured, disk: Measured) -> tuple[str, ...]:
    p50, p99 = (measured.latency(share) for share in (0.5, 0.99))
    times = p50 / disk.latency(0.5), p99 / disk.latency(0.99)
    return (
        name,
        f"{len(measured.exchanges) / measured.seconds:.0f}",
        "" if measured is disk else f"{measured.cpu_seconds / len(measured.exchanges) * 1e6:.0f}",
        f"{p50 * 1e3:.2f}",
        f"{p99 * 1e3:.2f}",
        *("" if measured is disk else f"{t:.2f}" for t in times),
        "" if measured is disk else verdict(max(times) <= AT_MOST),
    )


if __name__ == "__main__":
    main()
