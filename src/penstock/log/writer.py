"""The segment log's writer: one process, one partition of every queue.

Each queue has a lane; a lane with posts waiting is given to one of a few threads, which stores all that waits with one
sync and answers. While a lane syncs, its next posts gather; lanes sync side by side, so a post waits for at most the
sync under way on its own queue and its own.

Segment files a queue, not one journal a process: measured with benchmarks/log.py (8 producers, one-record appends), an
append to one of 200 queues takes what the disk itself takes for 8 writes with fdatasync at the same time (1.0 x at
10 ms a sync; at 0.15 ms a sync, where Python's own work shows, about 0.4 to 0.7 ms more), since the file system
commits syncs that overlap together. A journal would add a second write of every record to save nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa
import structlog

from penstock.log.frame import Post
from penstock.log.interface import Appended
from penstock.log.lane import Lane, Pending
from penstock.log.layout import closed_queues, queues
from penstock.log.recovery import recover_partitions
from penstock.log.reserve import DiskReserve
from penstock.log.sealed import is_idle
from penstock.log.settings import LogSettings
from penstock.log.slots import take_slot
from penstock.log.unowned import seal_unowned
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Waiting:
    """A lane and the posts that wait for it. `busy` while a thread has it or is about to."""

    lane: Lane
    posts: deque[Pending] = field(default_factory=deque)
    busy: bool = False
    roll: bool = False


class SegmentWriter:
    """LogWriter over segment files. Thread-safe."""

    def __init__(self, data: DataDir, settings: LogSettings) -> None:
        """Takes a writer slot and recovers its partitions. Raises OSError, NewerFormat."""
        self._data = data
        self._settings = settings
        self._slot = take_slot(data.slots)
        try:
            recover_partitions(data, self._slot.number)
        except BaseException:
            self._slot.release()
            raise
        self._reserve = DiskReserve(data.log, settings.disk_reserve_bytes)
        self._pool = ThreadPoolExecutor(settings.sync_threads, thread_name_prefix="log-sync")
        self._lock = threading.Lock()
        self._lanes: dict[QueueId, _Waiting] = {}
        self._recent: OrderedDict[QueueId, _Waiting] = OrderedDict()
        """Lanes that may have files open, the one used last at the end."""
        self._closed = False
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="log-tick", daemon=True)
        self._ticker.start()

    @property
    def partition(self) -> int:
        """The partition of every queue that this process writes."""
        return self._slot.number

    def append(
        self,
        queue: QueueId,
        batch: pa.RecordBatch,
        *,
        arrived_at_us: int,
        batch_id: str | None = None,
        request_id: str = "",
    ) -> Future[Appended]:
        """See LogWriter. Raises ValueError for an empty batch or a closed writer; all else comes in the future, a full
        disk as DiskReserveReached."""
        if not batch.num_rows:
            raise ValueError("a batch must hold at least one record")
        pending = Pending(batch, Post(batch.num_rows, arrived_at_us, batch_id, request_id), batch.nbytes)
        refusal = self._reserve.refusal()
        if refusal is not None:
            pending.future.set_exception(refusal)
            return pending.future
        with self._lock:
            if self._closed:
                raise ValueError("the log writer is closed")
            waiting = self._waiting(queue)
            waiting.posts.append(pending)
            self._wake(waiting)
        return pending.future

    def roll_old(self) -> None:
        """Seal the segments of this partition that have not been written to for their age, in queues that this process
        may never have touched, and of partitions that nobody writes; retention can then drop them. Let go of dropped
        queues. Runs by itself every `tick_s`."""
        self._forget_dropped()
        for queue in queues(self._data):
            if is_idle(self._data.queue(queue) / str(self.partition), self._settings.segment_age_s):
                with self._lock:
                    if not self._closed:
                        waiting = self._waiting(queue)
                        waiting.roll = True
                        self._wake(waiting)
        seal_unowned(self._data, self._settings)

    def _forget_dropped(self) -> None:
        """A dropped queue is never written again: its lane must not hold memory, nor its files disk space."""
        for queue in closed_queues(self._data):
            with self._lock:
                waiting = self._lanes.get(queue)
                if waiting is not None and not waiting.busy:
                    waiting.lane.close()
                    del self._lanes[queue]
                    self._recent.pop(queue, None)

    def _tick(self) -> None:
        while not self._stop.wait(self._settings.tick_s):
            try:
                self.roll_old()
            except OSError as error:
                logger.warning("log.roll_failed", error=str(error))

    def _waiting(self, queue: QueueId) -> _Waiting:
        waiting = self._lanes.get(queue)
        if waiting is None:
            waiting = self._lanes[queue] = _Waiting(Lane(self._data, queue, self._slot, self._settings))
        return waiting

    def _wake(self, waiting: _Waiting) -> None:
        """Give the lane to a thread, unless one has it. The lock is held."""
        if not waiting.busy:
            waiting.busy = True
            self._pool.submit(self._serve, waiting)

    def close(self) -> None:
        """Store and answer what waits, then release the slot."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._stop.set()
        self._ticker.join()
        self._pool.shutdown(wait=True)
        try:
            for waiting in self._recent.values():
                waiting.lane.close()
        finally:
            self._slot.release()

    def _serve(self, waiting: _Waiting) -> None:
        """Store groups of one lane until none waits."""
        if waiting.roll:
            waiting.roll = False
            try:
                waiting.lane.roll_if_old()
            except Exception as error:  # noqa: BLE001  the posts that wait must be served, whatever went wrong
                logger.warning("log.roll_failed", queue=str(waiting.lane.queue), error=str(error))
        while True:
            group = self._take(waiting)
            if not group:
                return
            try:
                waiting.lane.commit(group)
            except BaseException as error:  # noqa: BLE001  a post must get an answer, whatever went wrong
                for pending in group:
                    if not pending.future.done():
                        pending.future.set_exception(error)

    def _take(self, waiting: _Waiting) -> list[Pending]:
        with self._lock:
            self._recent[waiting.lane.queue] = waiting
            self._recent.move_to_end(waiting.lane.queue)
            group: list[Pending] = []
            size = 0
            while waiting.posts and (not group or size + waiting.posts[0].size <= self._settings.commit_bytes):
                pending = waiting.posts.popleft()
                if pending.future.set_running_or_notify_cancel():
                    group.append(pending)
                    size += pending.size
            if not group:
                waiting.busy = False
                self._shelve()
            return group

    def _shelve(self) -> None:
        """Close the files of idle lanes, those used longest ago first, beyond the number that may be open."""
        excess = len(self._recent) - self._settings.open_files
        if excess > 0:
            for waiting in [w for w in self._recent.values() if not w.busy][:excess]:
                waiting.lane.close()
                del self._recent[waiting.lane.queue]


def open_writer(data: DataDir, settings: LogSettings | None = None) -> SegmentWriter:
    """This process's writer; takes the lowest free writer slot. Raises OSError."""
    return SegmentWriter(data, settings or LogSettings())
