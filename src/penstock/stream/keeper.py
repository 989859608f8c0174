"""What keeps a data directory in order while flows run: the duties of the flow workers.

Every worker deletes the expired files of its own flows; the worker of slot 0 also looks after the queues.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from penstock.catalog import exports, repos
from penstock.catalog.database import Catalog
from penstock.connect.interface import SinkContext
from penstock.connect.registry import sink_type
from penstock.log.compress import compress_sealed
from penstock.log.drop import drop_queue
from penstock.log.retention import retention_clock, sweep
from penstock.log.settings import LogSettings
from penstock.model.datadir import DataDir
from penstock.model.errors import Problem
from penstock.model.flow import Positions
from penstock.model.repo import QueueId
from penstock.stream.duty import Duty
from penstock.stream.flow_record import FlowRecord
from penstock.stream.journal import read_journals
from penstock.stream.ledger import Ledger, LedgerFile, Place, ledger_flows
from penstock.stream.settings import FlowSettings

log = structlog.stdlib.get_logger()


def queue_duties(data: DataDir, catalog: Catalog, settings: FlowSettings, log_settings: LogSettings) -> list[Duty]:
    """Those of slot 0: drop the logs of deleted repos, compress what is sealed, let go of what is old."""
    return [
        Duty("drop queues", settings.retain_s, partial(drop_deleted, data, catalog)),
        Duty("compress queues", settings.retain_s, partial(compress, data, set())),
        Duty("retain queues", settings.retain_s, Retention(data, catalog, log_settings).run),
    ]


def drop_deleted(data: DataDir, catalog: Catalog) -> None:
    """Remove the logs of deleted repos."""
    for queue in catalog.read(repos.dropped):
        drop_queue(data, queue)
        catalog.write(partial(repos.forget_dropped, queue=queue)).result()


def compress(data: DataDir, done: set[Path]) -> None:
    """Compress sealed segments that are not `done`; damage is left as it is, for `penstock doctor` to show."""
    for damage in compress_sealed(data, done=done).damaged:
        log.warning("segment not compressed", error=str(damage))


class Retention:
    """Drops old segments that every flow has read; flows that hold too much lose their hold at the next round."""

    def __init__(self, data: DataDir, catalog: Catalog, settings: LogSettings) -> None:
        self._data = data
        self._catalog = catalog
        self._settings = settings
        self._clock = retention_clock(data, settings)
        self._too_slow: set[int] = set()

    def run(self) -> None:
        if not self._data.log.is_dir():  # nobody has posted yet
            return
        held = floors(self._data, self._catalog)
        for flows in held.values():
            for flow in self._too_slow & flows.keys():
                del flows[flow]
        done = sweep(self._data, self._settings, held, self._clock)
        # the flow itself fails when it finds its records gone; until then it may still catch up
        self._too_slow = {slow.flow for slow in done.must_fail}
        for slow in done.must_fail:
            log.error("flow holds too much", flow=slow.flow, queue=str(slow.queue), records=slow.records)


def floors(data: DataDir, catalog: Catalog) -> dict[QueueId, dict[int, Positions]]:
    """Up to where each live flow, paused and failed ones too, has read its queue."""
    live = catalog.read(exports.list_all)
    records = read_journals(data)
    held: dict[QueueId, dict[int, Positions]] = {}
    for export in live:
        record = records.get(export.id) or FlowRecord.new(export)
        held.setdefault(export.queue, {})[export.id] = record.position
    return held


class FileExpiry:
    """Deletes exported files whose days are over (数据储存时限), by the ledgers of this worker's flows."""

    def __init__(
        self,
        data: DataDir,
        owns: Callable[[int], bool],
        ledger: Callable[[int], Ledger],
        context: Callable[[str], SinkContext],
        now_us: Callable[[], int],
    ) -> None:
        self._data = data
        self._owns = owns
        self._ledger = ledger
        self._context = context
        self._now_us = now_us

    def run(self) -> None:
        for flow in filter(self._owns, ledger_flows(self._data)):
            try:
                self._ledger(flow).expire(self._now_us(), self._remove)
            except (OSError, Problem) as error:  # its bucket is out of order; others' may be fine
                log.warning("expired files not deleted", flow=flow, error=str(error))

    def _remove(self, place: Place, file: LedgerFile) -> None:
        sink_type(place.type).remove(file.target, place.spec, self._context(place.owner))
