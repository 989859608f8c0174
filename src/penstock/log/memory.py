"""A log in memory: what tests of other rooms use in place of segment files. It passes the same contract suite."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

import pyarrow as pa

from penstock.log.interface import Appended, QueueClosed
from penstock.log.merge import MergingReader
from penstock.model.repo import QueueId

BATCH_ID_AGE_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class _MemoryFrame:
    partition: int
    offset: int
    batch: pa.RecordBatch
    arrived_at_us: int

    @property
    def end(self) -> int:
        return self.offset + int(self.batch.num_rows)

    @property
    def size(self) -> int:
        return int(self.batch.nbytes)

    def load(self) -> pa.RecordBatch:
        return self.batch


@dataclass(slots=True)
class _MemoryPartition:
    all_frames: list[_MemoryFrame] = field(default_factory=list)
    dropped: int = 0

    def start(self) -> int:
        return self.dropped

    def end(self) -> int:
        return self.all_frames[-1].end if self.all_frames else self.dropped

    def frames(self, first: int, stop: int) -> Iterator[_MemoryFrame]:
        return (f for f in list(self.all_frames) if f.end > first and f.offset < stop)


class MemoryLog:
    """All queues of one deployment; `writer()` and `reader()` see the same records. Thread-safe."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.queues: dict[QueueId, dict[int, _MemoryPartition]] = {}
        self.batch_ids: dict[tuple[QueueId, str], tuple[int, Appended]] = {}
        self.closed: set[QueueId] = set()
        self._writers = 0

    def writer(self) -> MemoryWriter:
        """A new writer, with a partition of its own."""
        with self.lock:
            self._writers += 1
            return MemoryWriter(self, self._writers - 1)

    def reader(self, queue: QueueId) -> MemoryReader:
        return MemoryReader(self, queue)

    def drop(self, queue: QueueId) -> None:
        """Remove the queue's records; appends to it fail with QueueClosed from now on."""
        with self.lock:
            self.closed.add(queue)
            self.queues.pop(queue, None)

    def retain(self, queue: QueueId, partition: int, start: int) -> None:
        """Drop whole appends below `start`, as retention does."""
        with self.lock:
            view = self.queues[queue][partition]
            view.all_frames = [f for f in view.all_frames if f.end > start]
            view.dropped = view.all_frames[0].offset if view.all_frames else start


class MemoryWriter:
    """LogWriter over a MemoryLog."""

    def __init__(self, log: MemoryLog, partition: int) -> None:
        self._log = log
        self.partition = partition
        self._closed = False

    def append(
        self,
        queue: QueueId,
        batch: pa.RecordBatch,
        *,
        arrived_at_us: int,
        batch_id: str | None = None,
        request_id: str = "",
    ) -> Future[Appended]:
        """See LogWriter; the future is resolved when this returns. Raises ValueError as SegmentWriter does."""
        if not batch.num_rows:
            raise ValueError("a batch must hold at least one record")
        if self._closed:
            raise ValueError("the log writer is closed")
        future: Future[Appended] = Future()
        with self._log.lock:
            if queue in self._log.closed:
                future.set_exception(QueueClosed(f"{queue} was dropped"))
                return future
            if batch_id is not None:
                stored = self._log.batch_ids.get((queue, batch_id))
                if stored is not None and arrived_at_us - stored[0] <= BATCH_ID_AGE_US:
                    done = stored[1]
                    future.set_result(Appended(done.partition, done.offset, done.count, repeated=True))
                    return future
            view = self._log.queues.setdefault(queue, {}).setdefault(self.partition, _MemoryPartition())
            frame = _MemoryFrame(self.partition, view.end(), batch, arrived_at_us)
            view.all_frames.append(frame)
            appended = Appended(self.partition, frame.offset, batch.num_rows)
            if batch_id is not None:
                self._log.batch_ids[(queue, batch_id)] = (arrived_at_us, appended)
        future.set_result(appended)
        return future

    def close(self) -> None:
        self._closed = True


class MemoryReader(MergingReader):
    """LogReader over a MemoryLog."""

    def __init__(self, log: MemoryLog, queue: QueueId) -> None:
        super().__init__(queue)
        self._log = log

    def _look(self) -> Mapping[int, _MemoryPartition]:
        with self._log.lock:
            return dict(self._log.queues.get(self.queue, {}))

    def close(self) -> None:
        """Nothing to let go of."""
