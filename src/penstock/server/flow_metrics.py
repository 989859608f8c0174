"""Metrics of the flows, read when somebody asks: from what the flow workers publish and where the queues end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from penstock.catalog import exports
from penstock.catalog.database import Catalog
from penstock.log.interface import LogReader
from penstock.model.datadir import DataDir
from penstock.model.flow import FlowState
from penstock.model.repo import QueueId
from penstock.stream.status import lag, read_statuses

_LABELS = ("owner", "repo", "export")


class FlowCollector(Collector):
    """One line a flow and metric. Flows that no worker has taken up yet are missing."""

    def __init__(self, data: DataDir, catalog: Catalog, open_reader: Callable[[QueueId], LogReader]) -> None:
        self._data = data
        self._catalog = catalog
        self._open_reader = open_reader

    def collect(self) -> Iterator[Metric]:
        out = CounterMetricFamily("penstock_flow_records_out", "Records carried out", labels=_LABELS)
        dead = CounterMetricFamily("penstock_flow_records_dead", "Records in the dead letters", labels=_LABELS)
        omitted = CounterMetricFamily("penstock_flow_records_omitted", "Records left out on purpose", labels=_LABELS)
        files = CounterMetricFamily("penstock_flow_files", "Files written", labels=_LABELS)
        behind = GaugeMetricFamily("penstock_flow_lag_records", "Records not carried out yet", labels=_LABELS)
        age = GaugeMetricFamily("penstock_flow_lag_seconds", "Age of the oldest of them", labels=_LABELS)
        state = GaugeMetricFamily("penstock_flow_state", "1 for the state it is in", labels=(*_LABELS, "state"))
        statuses = read_statuses(self._data)
        for export in self._catalog.read(exports.list_all):
            status = statuses.get(export.id)
            if status is None:
                continue
            labels = (export.queue.owner, export.queue.repo, export.name)
            out.add_metric(labels, status.records_out)
            dead.add_metric(labels, status.records_dead)
            omitted.add_metric(labels, status.records_omitted)
            files.add_metric(labels, status.files)
            reader = self._open_reader(export.queue)
            try:
                late = lag(reader, status.position)
            finally:
                reader.close()
            behind.add_metric(labels, late.records)
            age.add_metric(labels, late.seconds)
            for known in FlowState:
                state.add_metric((*labels, known), float(known is status.state))
        return iter((out, dead, omitted, files, behind, age, state))
