"""What a server costs: CPU and memory summed over its whole process tree."""

from __future__ import annotations

from pathlib import Path

import psutil


def pids(root: int) -> list[int]:
    """The process and everything below it."""
    return [root, *(child.pid for child in psutil.Process(root).children(recursive=True))]


def cpu_seconds(root: int) -> dict[int, float]:
    """User and system time of each process of the tree, all threads counted, since each began."""
    return {pid: sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids(root)}


def cpu_between(before: dict[int, float], after: dict[int, float]) -> float:
    """CPU seconds spent between two readings. A process that ended in between took its share with it: refused."""
    if gone := before.keys() - after.keys():
        raise RuntimeError(f"processes {sorted(gone)} of the server ended while it was measured")
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def pss_bytes(root: int) -> dict[int, int]:
    """Proportional set size of each process: memory shared by several is split among them, so that the sum is right."""
    sizes: dict[int, int] = {}
    for pid in pids(root):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                sizes[pid] = int(line.split()[1]) * 1024
    return sizes
