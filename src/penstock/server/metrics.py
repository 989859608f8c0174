"""Prometheus metrics over all processes: each keeps its numbers in a file of its own under `run/metrics`, and any API
process adds them up. Counters of dead processes stay in the sums until the server ends; gauges go with their process.

The variable must be set before prometheus_client is first imported: the supervisor sets it for itself and its children.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from penstock.model.datadir import DataDir

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def metrics_folder(data: DataDir) -> Path:
    return data.run / "metrics"


def render(*more: Collector) -> bytes:
    """The sums over all processes, and what `more` collects now, in Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    for collector in more:
        registry.register(collector)
    return generate_latest(registry)


def count_restart(process: str, pid: int) -> None:
    """A process died and is started again: count it, and drop the gauges that it leaves behind."""
    from prometheus_client.multiprocess import mark_process_dead

    from penstock.server.restart_counter import restarts

    mark_process_dead(pid)  # type: ignore[no-untyped-call]
    restarts.labels(process).inc()
