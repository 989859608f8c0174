"""A flow worker: one process's share of the flows, from a slot of its own.

The loop of one thread follows the definitions and finds flows that are due; a few threads do what takes time. An idle
flow costs the loop one comparison per poll and one look at its queue's watermarks every few polls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import tzinfo
from functools import partial

import msgspec
import structlog

from penstock.catalog import exports, repos
from penstock.catalog.database import Catalog
from penstock.connect.buckets import Buckets
from penstock.connect.interface import SinkContext
from penstock.log.interface import LogReader
from penstock.log.settings import LogSettings
from penstock.model.crashpoint import crashpoint
from penstock.model.datadir import DataDir
from penstock.model.errors import Problem
from penstock.model.flow import Export, FlowStatus
from penstock.model.repo import QueueId, Repo
from penstock.stream.duty import Duty, DutyThread
from penstock.stream.export import Clock, ExportFlow
from penstock.stream.flow_record import FlowRecord
from penstock.stream.flow_slot import take_flow_slot
from penstock.stream.journal import Journal, journal_path, read_journals
from penstock.stream.keeper import FileExpiry, queue_duties
from penstock.stream.ledger import Ledger
from penstock.stream.settings import FlowSettings
from penstock.stream.status import publish, status_path

log = structlog.stdlib.get_logger()

_DUTY_STOP_S = 5.0


class FlowWorker:
    """Runs the flows whose id modulo the number of workers is its slot. `run` is called once."""

    publish_s = 1.0
    """How often statuses are published, if they changed."""

    def __init__(
        self,
        data: DataDir,
        catalog: Catalog,
        settings: FlowSettings,
        open_reader: Callable[[QueueId], LogReader],
        buckets: Buckets,
        timezone: tzinfo,
        *,
        log_settings: LogSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._data = data
        self._catalog = catalog
        log_settings = log_settings or LogSettings()
        buffer_max_s = min(settings.buffer_max_s, log_settings.retention_age_s / 2)
        self._settings = msgspec.structs.replace(settings, buffer_max_s=buffer_max_s)
        self._open_reader = open_reader
        self._buckets = buckets
        self._timezone = timezone
        self._log_settings = log_settings
        self._clock = clock or Clock()
        self._slot = 0
        self._flows: dict[int, ExportFlow] = {}
        self._running: dict[int, Future[None]] = {}
        self._ledgers: dict[int, Ledger] = {}
        self._ledgers_lock = threading.Lock()
        self._elsewhere: dict[int, FlowRecord] = {}
        self._generation: int | None = None
        self._published: list[FlowStatus] | None = None
        self._publish_at = 0.0
        self.duties: list[Duty] = []

    def run(self, stop: threading.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Run flows until `stop` is set; writes under way are then abandoned and done again at the next start.
        `ready` is called once the slot is held and the positions are known. Raises NoFreeSlot, DamagedFile, OSError."""
        slot = take_flow_slot(self._data.slots, self._settings.workers)
        self._slot = slot.number
        try:
            journal = Journal(journal_path(self._data, slot.number))
            try:
                self._work(journal, stop, ready)
            finally:
                self._close(journal)
        finally:
            slot.release()

    def _work(self, journal: Journal, stop: threading.Event, ready: Callable[[], None]) -> None:
        self._elsewhere = read_journals(self._data)
        duties = DutyThread(self._make_duties(), self._clock.monotonic)
        with ThreadPoolExecutor(self._settings.threads, thread_name_prefix="flow") as pool:
            self._follow(journal)
            duties.start()
            ready()
            try:
                while not stop.is_set():
                    self._start_due(pool, stop)
                    self._publish()
                    stop.wait(self._settings.poll_ms / 1000)
                    self._follow(journal)
            finally:
                stop.set()  # whatever ended the loop: the threads must not go on
                duties.stop(_DUTY_STOP_S)
        self._publish_at = 0.0
        self._publish()

    # definitions

    def _follow(self, journal: Journal) -> None:
        """Bring the flows in line with the catalog, if it changed."""
        generation = self._catalog.generation()
        if generation == self._generation:
            return
        wanted = self._catalog.read(exports.list_all)
        sources = {repo.queue: repo for repo in self._catalog.read(repos.list_all)}
        dropped = self._catalog.read(exports.dropped)
        live = {export.id: export for export in wanted if self._owns(export.id) and export.queue in sources}
        settled = True
        for export in live.values():
            settled &= self._take_up(export, sources[export.queue], journal)
        for flow_id in [flow_id for flow_id in self._flows if flow_id not in live]:
            settled &= self._let_go(flow_id)
        for flow_id in filter(self._owns, dropped):
            if flow_id not in self._flows:
                settled &= self._forget(flow_id, journal)
        self._elsewhere = {}  # a flow that is new from now on has no state anywhere
        if settled:
            self._generation = generation

    def _take_up(self, export: Export, repo: Repo, journal: Journal) -> bool:
        """Start a new flow, or tell one what changed; False when it is busy and must be told later."""
        flow = self._flows.get(export.id)
        if flow is None:
            record = journal.records.get(export.id)
            other = self._elsewhere.get(export.id)
            if record is None or (other is not None and other.version > record.version):
                record = other or FlowRecord.new(export)
            self._flows[export.id] = ExportFlow(
                export,
                repo,
                record,
                open_reader=self._open_reader,
                journal=journal,
                ledger=self._ledger(export.id),
                context=self._context(export.queue.owner),
                settings=self._settings,
                clock=self._clock,
            )
            return True
        if flow.is_defined_by(export, repo):
            return True
        if self._is_running(export.id):
            return False
        flow.redefine(export, repo)
        return True

    def _let_go(self, flow_id: int) -> bool:
        """End a flow that was deleted; False when it is busy."""
        if self._is_running(flow_id):
            self._flows[flow_id].abandon()
            return False
        self._flows.pop(flow_id).close()
        return True

    def _forget(self, flow_id: int, journal: Journal) -> bool:
        """Remove the state of a deleted flow; False when it must be tried again. Its ledger stays until the files
        that it names are gone."""
        try:
            journal.drop(flow_id)
            crashpoint("export.drop.journaled")
            self._catalog.write(partial(exports.forget_dropped, flow=flow_id)).result()
        except (OSError, Problem) as error:  # a full disk, a busy catalog
            log.warning("deleted flow not forgotten yet", flow=flow_id, error=str(error))
            return False
        return True

    # work

    def _start_due(self, pool: ThreadPoolExecutor, stop: threading.Event) -> None:
        for flow_id, flow in self._flows.items():
            if not self._is_running(flow_id) and flow.is_due():
                self._running[flow_id] = pool.submit(flow.advance, stop)

    def _is_running(self, flow_id: int) -> bool:
        future = self._running.get(flow_id)
        if future is None:
            return False
        if not future.done():
            return True
        del self._running[flow_id]
        future.result()
        return False

    def _owns(self, flow_id: int) -> bool:
        return flow_id % self._settings.workers == self._slot

    # parts

    def _make_duties(self) -> list[Duty]:
        expiry = FileExpiry(self._data, self._owns, self._ledger, self._context, self._clock.now_us)
        self.duties = [Duty("expire files", self._settings.expire_s, expiry.run)]
        if self._slot == 0:
            self.duties += queue_duties(self._data, self._catalog, self._settings, self._log_settings)
        return self.duties

    def _context(self, owner: str) -> SinkContext:
        return SinkContext(owner, self._buckets, self._timezone)

    def _ledger(self, flow_id: int) -> Ledger:
        with self._ledgers_lock:
            if flow_id not in self._ledgers:
                self._ledgers[flow_id] = Ledger(self._data, flow_id)
            return self._ledgers[flow_id]

    def _publish(self) -> None:
        """Publish the statuses, if they changed and it is time."""
        now = self._clock.monotonic()
        if now < self._publish_at:
            return
        self._publish_at = now + self.publish_s
        statuses = [flow.status() for flow in self._flows.values()]
        if statuses != self._published:
            try:
                publish(status_path(self._data, self._slot), statuses)
            except OSError as error:  # a full disk: flows go on, their statuses are old
                log.warning("flow statuses not published", error=str(error))
                return
            self._published = statuses

    def _close(self, journal: Journal) -> None:
        for flow in self._flows.values():
            flow.close()
        for ledger in self._ledgers.values():
            ledger.close()
        journal.close()
