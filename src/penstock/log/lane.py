"""One queue's partition, as its writer sees it: turns groups of posts into frames, one sync a group.

A group is written, synced, published in the watermark, and only then answered. If a step fails, the group's posts
fail, the file is cut back to its published end, and the next group begins a new segment: after a failed sync nobody
knows what the disk holds of that file's tail, and asking again would be told "done" without it being so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa
import structlog

from penstock.log.active import ActiveSegment
from penstock.log.batch_ids import BatchIds
from penstock.log.files import make_folders
from penstock.log.frame import BadFrame, Frame, NewerFormat, Post, encode
from penstock.log.interface import Appended, QueueClosed
from penstock.log.layout import closed_path
from penstock.log.recovery import recover
from penstock.log.settings import LogSettings
from penstock.log.slots import WriterSlot
from penstock.log.watermark import Watermark, WatermarkFile
from penstock.model.crashpoint import crashpoint
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

MICROS = 1_000_000
logger = structlog.get_logger(__name__)


class StaleEpoch(OSError):
    """The partition was written under a later take of the slot: this writer must not touch it."""


@dataclass(slots=True, eq=False)
class Pending:
    """A post that waits to be stored. `size` in bytes."""

    batch: pa.RecordBatch
    post: Post
    size: int
    future: Future[Appended] = field(default_factory=Future)


class Lane:
    """Used by one thread at a time. Opens its files at need; `close()` lets go of them."""

    def __init__(self, data: DataDir, queue: QueueId, slot: WriterSlot, settings: LogSettings) -> None:
        self.queue = queue
        self._slot = slot
        self._settings = settings
        self._closed_path = closed_path(data, queue)
        self._folder = data.queue(queue) / str(slot.number)
        self._ids = BatchIds(data.queue(queue), settings.batch_id_age_s)
        self._mark: Watermark | None = None
        self._watermark: WatermarkFile | None = None
        self._active: ActiveSegment | None = None

    def commit(self, group: Sequence[Pending]) -> None:
        """Store the posts and answer the future of every one."""
        with_id = [p for p in group if p.post.batch_id is not None]
        if not with_id:
            self._commit_all(group)
            return
        try:
            self._refuse_if_dropped()
            make_folders(self._folder.parent)
            ids = {p.post.batch_id or "" for p in with_id}
            with self._ids.claim(ids):
                known = self._ids.find(ids, max(p.post.arrived_at_us for p in with_id))
                self._commit_new(group, known)
        except (OSError, QueueClosed, BadFrame, NewerFormat) as error:
            _fail(group, error)

    def _commit_new(self, group: Sequence[Pending], known: dict[str, Appended]) -> None:
        """Store the posts whose batch id is new; the others get the answer of the first of that id."""
        first: dict[str, Pending] = {}
        fresh, twins = [], []
        for pending in group:
            batch_id = pending.post.batch_id
            if batch_id is None or (batch_id not in known and batch_id not in first):
                fresh.append(pending)
                if batch_id is not None:
                    first[batch_id] = pending
            elif batch_id in known:
                pending.future.set_result(known[batch_id])
            else:
                twins.append((pending, first[batch_id]))
        self._commit_all(fresh)
        for twin, original in twins:
            error = original.future.exception()
            if error is not None:
                twin.future.set_exception(error)
            else:
                done = original.future.result()
                twin.future.set_result(Appended(done.partition, done.offset, done.count, repeated=True))

    def _commit_all(self, group: Sequence[Pending]) -> None:
        for run in _same_schema(group):
            try:
                self._refuse_if_dropped()
                self._commit_run(run)
            except (OSError, QueueClosed, BadFrame, NewerFormat) as error:
                if isinstance(error, OSError) and self._closed_path.exists():
                    error = QueueClosed(f"{self.queue} was dropped")
                if isinstance(error, QueueClosed):
                    self.close()
                _fail(run, error)

    def _commit_run(self, run: Sequence[Pending]) -> None:
        self._open()
        schema = run[0].batch.schema
        fits = self._active is not None and self._can_add(self._active, schema)
        active = self._active if fits else self._create(schema)
        assert active is not None
        frames = self._frames(active, run)
        self._store(active, frames)
        offset = frames[0].header.base_offset
        for pending in run:
            pending.future.set_result(Appended(self._slot.number, offset, pending.post.count))
            offset += pending.post.count
        assert offset == active.next_offset

    def _store(self, active: ActiveSegment, frames: Sequence[Frame]) -> None:
        """Write, sync and publish frames; `active` is the current segment or the one to come after it."""
        assert self._watermark is not None
        try:
            end = active.write(frames)
            self._refuse_if_dropped()
            next_offset = frames[-1].header.end_offset if frames else active.next_offset
            mark = Watermark(active.head.base_offset, end, next_offset, self._slot.epoch)
            self._watermark.publish(mark)
        except (OSError, QueueClosed):
            active.abandon()
            if active is not self._active:
                active.close()
            raise
        crashpoint("log.watermark.published")
        active.advance(frames, end)
        self._mark = mark
        if active is not self._active:
            before, self._active = self._active, active
            if before is not None:
                before.seal()
                self._ids.keep(self._slot.number, before.head.base_offset, active.head.base_offset)

    def roll_if_old(self) -> None:
        """Begin a new segment if the current one has records and is past its age, so that retention may drop it."""
        self._refuse_if_dropped()
        self._open()
        active = self._active
        if active is not None and active.next_offset > active.head.base_offset and self._is_old(active):
            self._store(self._create(active.schema), [])

    def close(self) -> None:
        """Let go of the files. A spoilt segment is not added to when they are opened again either."""
        if self._active is not None:
            if self._active.spoilt and self._mark is not None:
                self._mark = msgspec.structs.replace(self._mark, ended=True)
            self._active.close()
            self._active = None
        if self._watermark is not None:
            self._watermark.close()
            self._watermark = None

    def _open(self) -> None:
        if self._watermark is not None:
            return
        if self._mark is None:
            make_folders(self._folder)
            recovered = recover(self._folder)
            if recovered.damage is not None:
                logger.error("log.damaged", queue=str(self.queue), damage=str(recovered.damage))
            self._mark = recovered.mark
            crashpoint("log.partition.made")
        if self._mark.epoch > self._slot.epoch:
            raise StaleEpoch(f"{self._folder} was written under epoch {self._mark.epoch}, this is {self._slot.epoch}")
        self._watermark = WatermarkFile(self._folder)
        mark = self._mark
        if mark.position and not mark.ended:
            try:
                self._active = ActiveSegment.reopen(self._folder, mark.segment, mark.position, mark.next_offset)
            except BadFrame:
                self._active = None  # its head is damaged: readers will say so; go on in a new segment

    def _create(self, schema: pa.Schema) -> ActiveSegment:
        assert self._mark is not None
        return ActiveSegment.create(self._folder, self.queue, self._slot.number, self._mark.next_offset, schema)

    def _can_add(self, active: ActiveSegment, schema: pa.Schema) -> bool:
        return (
            not active.spoilt
            and active.position < self._settings.segment_bytes
            and not (active.next_offset > active.head.base_offset and self._is_old(active))
            and active.schema.equals(schema, check_metadata=True)
        )

    def _is_old(self, active: ActiveSegment) -> bool:
        return time.time_ns() // 1000 - active.head.created_at_us >= self._settings.segment_age_s * MICROS

    def _frames(self, active: ActiveSegment, run: Sequence[Pending]) -> list[Frame]:
        frames = []
        offset = active.next_offset
        for part in _frame_sized(run, self._settings.frame_bytes):
            batch = part[0].batch if len(part) == 1 else pa.concat_batches([p.batch for p in part])
            frame = encode(
                batch,
                [p.post for p in part],
                base_offset=offset,
                epoch=self._slot.epoch,
                schema_id=active.head.schema_id,
                synced_to=active.position if active.named else 0,
            )
            frames.append(frame)
            offset = frame.header.end_offset
        return frames

    def _refuse_if_dropped(self) -> None:
        if self._closed_path.exists():
            raise QueueClosed(f"{self.queue} was dropped")


def _same_schema(group: Sequence[Pending]) -> Iterator[list[Pending]]:
    """Runs of posts of one schema, in order."""
    run: list[Pending] = []
    for pending in group:
        if run and not pending.batch.schema.equals(run[0].batch.schema, check_metadata=True):
            yield run
            run = []
        run.append(pending)
    if run:
        yield run


def _frame_sized(run: Sequence[Pending], frame_bytes: int) -> Iterator[list[Pending]]:
    """Posts that share a frame, in order: as many as fit, at least one."""
    part: list[Pending] = []
    size = 0
    for pending in run:
        if part and size + pending.size > frame_bytes:
            yield part
            part, size = [], 0
        part.append(pending)
        size += pending.size
    yield part


def _fail(group: Sequence[Pending], error: Exception) -> None:
    for pending in group:
        if not pending.future.done():
            pending.future.set_exception(error)
