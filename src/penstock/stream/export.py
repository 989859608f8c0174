"""One export at work: cut, write, commit.

    cut      the range, its time and the name of what will be written go to the journal
    write    the sink writes the range under that name
    commit   the position moves past the range

After a crash the journal tells which write was under way; it is done again over the same range under the same name, so
that each record is written once, wherever the crash came.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa
import structlog

from penstock.connect.interface import Cut, Sink, SinkContext, Written
from penstock.connect.registry import sink_type
from penstock.connect.sink_field import without_secrets
from penstock.log.interface import CorruptLog, LogReader, PositionOutOfRange
from penstock.model.crashpoint import crashpoint
from penstock.model.flow import Export, FlowState, FlowStatus, Positions
from penstock.model.repo import QueueId, Repo
from penstock.stream.backoff import Backoff
from penstock.stream.flow_record import FlowRecord, PendingCut, Plan
from penstock.stream.gathering import Gathering, due_after_s, is_behind
from penstock.stream.journal import Journal
from penstock.stream.ledger import Ledger, LedgerFile, Place
from penstock.stream.settings import FlowSettings

log = structlog.stdlib.get_logger()

_STEPS_S = 2.0
"""For how long a flow with a backlog keeps its thread before others have their turn."""
_IDLE_POLLS = 10
"""A flow whose queue is quiet is looked at this many times less often than the worker polls."""
SAMPLE_BYTES = 256 * 1024
"""Stored bytes from which the size of a flow's first file is estimated."""


class Stopped(Exception):
    """The worker is to end: the write under way was abandoned and will be done again."""


class ShortRange(Exception):
    """The log gave another number of records than the range has."""


@dataclass(frozen=True, slots=True)
class Clock:
    """`now_us`: UTC microseconds, may jump. `monotonic`: seconds, never does."""

    now_us: Callable[[], int] = lambda: time.time_ns() // 1000
    monotonic: Callable[[], float] = time.monotonic


class ExportFlow:
    """Owned by one worker and used by one of its threads at a time."""

    def __init__(
        self,
        export: Export,
        repo: Repo,
        record: FlowRecord,
        *,
        open_reader: Callable[[QueueId], LogReader],
        journal: Journal,
        ledger: Ledger,
        context: SinkContext,
        settings: FlowSettings,
        clock: Clock,
    ) -> None:
        self.export = export
        self._repo = repo
        self._record = record
        self._open_reader = open_reader
        self._reader = open_reader(export.queue)
        self._gathering = Gathering(self._reader, record.position)
        self._journal = journal
        self._ledger = ledger
        self._context = context
        self._settings = settings
        self._clock = clock
        self._backoff = Backoff(settings.retry_base_s, settings.retry_max_s)
        self._poll_s = settings.poll_ms / 1000
        self._idle_polls = 0
        self._look_at = 0.0  # monotonic; nothing is to be done before
        self._seen_at: float | None = None  # monotonic; when unwritten records were first seen
        self._sink: Sink | None = None
        self._failed: Exception | None = None
        self._skips_lost = False
        self._abandoned = False
        self._last_error = ""
        self._last_error_at_us = 0
        self._rate = 0.0
        self._updated_at_us = clock.now_us()

    # definition

    def is_defined_by(self, export: Export, repo: Repo) -> bool:
        return export == self.export and repo.schema == self._repo.schema

    def redefine(self, export: Export, repo: Repo) -> None:
        """The export or the schema of its repo has changed. An export that failed is tried anew, once it is not
        paused; if its records were gone, whoever resumes it accepts that and it goes on with the oldest there are."""
        if export.spec != self.export.spec:
            self._record = self._record.estimated(0.0)
        if export.spec != self.export.spec or repo.schema != self._repo.schema:
            self._close_sink()
        if export != self.export and not export.paused:
            self._skips_lost = self.export.paused and isinstance(self._failed, PositionOutOfRange)
            self._failed = None
            self._backoff.succeed()
            self._look_at = 0.0
        self.export, self._repo = export, repo
        self._updated_at_us = self._clock.now_us()

    def abandon(self) -> None:
        """Have the write under way end at once: the export was deleted."""
        self._abandoned = True

    # looking

    def is_due(self) -> bool:
        """True when `advance` may have something to do. Cheap: an idle flow costs one comparison, and one look at the
        watermarks every few polls."""
        now = self._clock.monotonic()
        if self.export.paused or self._failed is not None or now < self._look_at:
            return False
        if self._record.cut is not None or self._skips_lost or self._has_new():
            return True
        self._idle_polls += 1
        self._look_at = now + min(self._idle_polls, _IDLE_POLLS) * self._poll_s
        if self._idle_polls == _IDLE_POLLS:
            self._renew_reader()
        return False

    def _renew_reader(self) -> None:
        """Let go of the files that the reader has open: thousands of quiet flows must not hold thousands of them."""
        self._reader.close()
        self._reader = self._open_reader(self.export.queue)
        self._gathering = Gathering(self._reader, self._record.position)

    def _has_new(self) -> bool:
        try:
            return is_behind(self._record.position, self._reader.ends())
        except (CorruptLog, OSError):
            return True  # `advance` meets it again and shows it

    # working

    def advance(self, stop: threading.Event) -> None:
        """Write what is due, file after file; returns when nothing is, when it failed, or to let others have the
        thread. Raises nothing: what went wrong shows in the status."""
        until = self._clock.monotonic() + _STEPS_S
        try:
            if self._skips_lost:
                self._skip_lost()
            while not stop.is_set() and not self._abandoned and self._step(stop):
                if self._clock.monotonic() >= until:
                    return
        except Stopped:
            return
        except (PositionOutOfRange, CorruptLog, ShortRange) as error:
            self._failed = error
            self._note(error)
        except Exception as error:  # noqa: BLE001 (a flow's failure, whatever it is, must not stop the others)
            self._close_sink()
            self._look_at = self._clock.monotonic() + self._backoff.fail()
            self._note(error)

    def _skip_lost(self) -> None:
        record, starts = self._record, self._reader.starts()
        position = {p: max(record.position.get(p, 0), start) for p, start in starts.items()}
        lost = sum(offset - record.position.get(p, 0) for p, offset in position.items())
        omitted = record.records_omitted + lost
        self._save(record.changed(position={**record.position, **position}, cut=None, records_omitted=omitted))
        self._skips_lost = False
        log.warning("export goes on behind lost records", export=self.export.id, records=lost)

    def _step(self, stop: threading.Event) -> bool:
        """One write, if one is due: True when there was."""
        cut = self._record.cut or self._cut_if_due()
        if cut is None:
            return False
        self._write(cut, stop)
        return True

    def _cut_if_due(self) -> PendingCut | None:
        now = self._clock.monotonic()
        ends = self._reader.ends()
        if not is_behind(self._record.position, ends):
            self._seen_at = None
            return None
        if self._seen_at is None:
            self._seen_at = now
        self._idle_polls = 0
        sink = self._open_sink()
        full = self._gathering.look(ends, max(1, int(sink.policy.max_bytes / self._ratio(sink, ends))))
        due_after = due_after_s(sink.policy, self._settings.buffer_max_s)
        waited = self._gathering.waited_s(self._clock.now_us(), now - self._seen_at) or 0.0
        if not (full and sink.policy.by_size) and waited < due_after:
            left = due_after - waited
            self._look_at = now + (min(left, self._poll_s) if sink.policy.by_size else left)
            return None
        return self._cut(sink, self._gathering.upto)

    def _ratio(self, sink: Sink, ends: Positions) -> float:
        """Expected bytes of output per stored byte. Before the first file it is tried out on the first records, if
        there are enough to tell."""
        if not self._record.output_ratio:
            sample = Gathering(self._reader, self._record.position)
            if sample.look(ends, SAMPLE_BYTES):
                chunks = self._reader.read(self._record.position, sample.upto, sink.source)
                stored = self._reader.stored_bytes(self._record.position, sample.upto)
                size = sink.measure(chunk.batch for chunk in chunks)
                self._record = self._record.estimated(size / stored)
        return self._record.output_ratio or 1.0

    def _cut(self, sink: Sink, end: Positions) -> PendingCut:
        position = self._record.position
        moved = {p: at for p, at in end.items() if at > position.get(p, 0)}
        at_us = self._clock.now_us()
        mark = Cut(self.export.id, self.export.created_at_us, self._record.sequence + 1, at_us)
        cut = PendingCut(
            start={p: position.get(p, 0) for p in moved},  # not the oldest: what was dropped unread must show
            stop=moved,
            at_us=at_us,
            target=sink.target(mark),
            plan=self._plan(),
        )
        self._save(self._record.changed(cut=cut))
        crashpoint("export.cut.journaled")
        return cut

    def _write(self, cut: PendingCut, stop: threading.Event) -> None:
        stored = self._reader.stored_bytes(cut.start, cut.stop)
        if cut.plan == self._plan():
            written = self._carry_out(cut, self._open_sink(), stop)
        else:  # changed since the cut
            with closing(self._open(cut.plan)) as sink:
                written = self._carry_out(cut, sink, stop)
        if written.expires_at_us is not None:
            place = Place(self.export.queue.owner, cut.plan.type, cut.plan.spec)
            self._ledger.add(place, LedgerFile(cut.target, written.expires_at_us))
            crashpoint("export.ledger.written")
        self._commit(cut, written.records, written.size, stored)

    def _carry_out(self, cut: PendingCut, sink: Sink, stop: threading.Event) -> Written:
        return sink.write(cut.target, self._batches(cut, sink, stop), cut.at_us)

    def _commit(self, cut: PendingCut, records: int, size: int, stored: int) -> None:
        before, now_us = self._record, self._clock.now_us()
        learned = size / stored if stored else 0.0
        ratio = (before.output_ratio + learned) / 2 if before.output_ratio else learned
        self._save(
            before.changed(
                sequence=before.sequence + 1,
                position={**before.position, **cut.stop},
                cut=None,
                records_out=before.records_out + records,
                bytes_out=before.bytes_out + size,
                last_write_at_us=now_us,
                output_ratio=ratio if cut.plan == self._plan() else 0.0,
            )
        )
        crashpoint("export.commit.journaled")
        since = before.last_write_at_us or self.export.created_at_us
        self._rate = records / max((now_us - since) / 1e6, 0.001)
        self._seen_at = None
        self._look_at = 0.0
        self._backoff.succeed()
        self._last_error = ""

    def _batches(self, cut: PendingCut, sink: Sink, stop: threading.Event) -> Iterator[pa.RecordBatch]:
        """The range's records; raises ShortRange when they are not as many as the range has."""
        records = 0
        for chunk in self._reader.read(cut.start, cut.stop, sink.source):
            if stop.is_set() or self._abandoned:
                raise Stopped
            records += chunk.batch.num_rows
            yield chunk.batch
        if records != cut.records:
            raise ShortRange(f"{self.export.queue}: {cut.start} to {cut.stop} has {records} records, not {cut.records}")

    # parts

    def _plan(self) -> Plan:
        fields = sink_type(self.export.type).fields
        return Plan(type=self.export.type, spec=without_secrets(fields, self.export.spec), schema=self._repo.schema)

    def _open_sink(self) -> Sink:
        if self._sink is None:
            self._sink = self._open(self._plan())
        return self._sink

    def _open(self, plan: Plan) -> Sink:
        kind = sink_type(plan.type)
        secrets = {f.name: self.export.spec[f.name] for f in kind.fields if f.secret and f.name in self.export.spec}
        return kind.open({**plan.spec, **secrets}, plan.schema, self._context)

    def _close_sink(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def _save(self, record: FlowRecord) -> None:
        self._journal.put(record)
        if record.position != self._record.position:
            self._gathering = Gathering(self._reader, record.position)
        self._record = record
        self._updated_at_us = self._clock.now_us()

    def _note(self, error: Exception) -> None:
        self._last_error = f"{type(error).__name__}: {error}" if not isinstance(error, OSError) else str(error)
        self._last_error_at_us = self._updated_at_us = self._clock.now_us()
        log.warning("export failed", export=self.export.id, queue=str(self.export.queue), error=self._last_error)

    # outside view

    def status(self) -> FlowStatus:
        record = self._record
        return FlowStatus(
            id=self.export.id,
            state=self._state(),
            position=record.position,
            records_out=record.records_out,
            records_omitted=record.records_omitted,
            files=record.sequence,
            records_per_second=self._rate,
            last_error=self._last_error,
            last_error_at_us=self._last_error_at_us,
            last_write_at_us=record.last_write_at_us,
            updated_at_us=self._updated_at_us,
            delivery=sink_type(self.export.type).delivery,
        )

    def _state(self) -> FlowState:
        if self.export.paused:
            return FlowState.PAUSED
        if self._failed is not None:
            return FlowState.FAILED
        return FlowState.RETRYING if self._backoff.failures else FlowState.RUNNING

    def close(self) -> None:
        self._close_sink()
        self._reader.close()
