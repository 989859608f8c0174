"""Memory and rate of the server at its capacity, and at three times that.

    python benchmarks/memory.py [--seconds N] [--connections N]

First 8 connections post 2 MB of text each (gzipped, signed) as fast as they are answered: that rate is the capacity.
Then three times as many posts are offered a second over many more connections, for a minute. A refused post (503) is
sent again by its connection as soon as Retry-After allows. Memory is the proportional set size summed over the whole
process tree, read every second.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from support.http_client import HttpClient, build_post
from support.load import Measured, measure
from support.penstock_server import PenstockServer
from support.process_tree import pss_bytes
from support.records import posts, text_body
from support.table import print_table, verdict

MOST_MB, RATE_KEPT, GROWTH = 700.0, 0.8, 0.05
"""MB under load; share of the capacity that is still accepted; share by which memory may grow while it lasts."""
TIMES = 3.0
WARM_S = 5.0


class MemoryWatch:
    """The readings of one load: (seconds since it began, MB of the whole tree)."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.readings: list[tuple[float, float]] = []

    def __call__(self, seconds: float) -> None:
        self.readings.append((seconds, sum(pss_bytes(self._pid).values()) / 1e6))

    @property
    def megabytes(self) -> list[float]:
        return [mb for _, mb in self.readings]

    @property
    def growth(self) -> float:
        """By how much the mean of the last third of the readings is above that of the first, as a share."""
        third = len(self.readings) // 3
        megabytes = self.megabytes
        return statistics.mean(megabytes[-third:]) / statistics.mean(megabytes[:third]) - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the overload lasts")
    parser.add_argument("--capacity-seconds", type=float, default=15.0, help="how long the capacity is measured")
    parser.add_argument("--connections", type=int, default=320, help="connections of the overload")
    parser.add_argument("--folder", type=Path, help="where temporary data goes")
    options = parser.parse_args()
    bodies = [text_body(post) for post in posts(16)]
    with (
        tempfile.TemporaryDirectory(prefix="penstock-memory-", dir=options.folder) as folder,
        PenstockServer(Path(folder)) as server,
    ):
        path = server.create_repo("bench")
        idle = sum(pss_bytes(server.pid).values()) / 1e6
        requests = [build_post(server.key, path, body) for body in bodies]
        normal, over = MemoryWatch(server.pid), MemoryWatch(server.pid)
        clients = [HttpClient(server.port, requests) for _ in range(8)]
        capacity = measure(clients, server.pid, warm_s=WARM_S, window_s=options.capacity_seconds, watch=normal)
        patient = [HttpClient(server.port, requests, patient=True) for _ in range(options.connections)]
        offered = TIMES * len(capacity.exchanges) / capacity.seconds
        overload = measure(
            patient, server.pid, warm_s=WARM_S, window_s=options.seconds, rate=offered, per_process=20, watch=over
        )
    report(idle, (capacity, normal), (overload, over), options.connections)


def report(
    idle: float, at_capacity: tuple[Measured, MemoryWatch], beyond: tuple[Measured, MemoryWatch], connections: int
) -> None:
    def row(name: str, measured: Measured, watch: MemoryWatch) -> tuple[str, ...]:
        accepted = sum(e.accepted_bytes > 0 for e in measured.exchanges)
        return (
            name,
            f"{len(measured.exchanges) / measured.seconds:.1f}",
            f"{accepted / measured.seconds:.1f}",
            f"{measured.per_second:.0f}",
            f"{min(watch.megabytes):.0f}",
            f"{statistics.median(watch.megabytes):.0f}",
            f"{max(watch.megabytes):.0f}",
            f"{watch.growth:+.1%}",
        )

    print_table(
        f"Posts of 2 MB; memory of the whole process tree (idle: {idle:.0f} MB)",
        ("load", "posts/s", "accepted/s", "MB/s", "least MB", "median MB", "most MB", "growth"),
        [row("8 connections", *at_capacity), row(f"3 times, {connections} connections", *beyond)],
    )
    (capacity, normal), (overload, over) = at_capacity, beyond
    most, growth, kept = max(normal.megabytes), over.growth, overload.per_second / capacity.per_second
    print_table(
        "Promises",
        ("", "shown", "promised", ""),
        [
            ("memory at capacity", f"{most:.0f} MB", f"below {MOST_MB:g} MB", verdict(most < MOST_MB)),
            ("memory at 3 times", f"{growth:+.1%}", f"at most {GROWTH:+.0%}", verdict(growth <= GROWTH)),
            ("accepted at 3 times", f"{kept:.0%}", f"at least {RATE_KEPT:.0%}", verdict(kept >= RATE_KEPT)),
        ],
    )


if __name__ == "__main__":
    main()
