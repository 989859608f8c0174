"""A log writer that counts how long appends take."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from prometheus_client import Histogram

from penstock.log.interface import Appended, LogWriter
from penstock.model.repo import QueueId

if TYPE_CHECKING:
    import pyarrow as pa

append_seconds = Histogram(
    "penstock_log_append_seconds",
    "Time from an append's queueing until it is durable",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)


class MeasuredWriter:
    """Passes everything on to `inner`."""

    def __init__(self, inner: LogWriter) -> None:
        self._inner = inner

    def append(
        self,
        queue: QueueId,
        batch: pa.RecordBatch,
        *,
        arrived_at_us: int,
        batch_id: str | None = None,
        request_id: str = "",
    ) -> Future[Appended]:
        started = time.perf_counter()
        future = self._inner.append(queue, batch, arrived_at_us=arrived_at_us, batch_id=batch_id, request_id=request_id)
        future.add_done_callback(lambda _: append_seconds.observe(time.perf_counter() - started))
        return future

    def close(self) -> None:
        self._inner.close()
