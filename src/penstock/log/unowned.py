"""Partitions that no process writes any more, because fewer run than once did.

Retention drops sealed segments alone, and a segment is sealed by its writer. Where there is none, the other writers do
it, each for what it finds free: else the last records of such a partition would stay for ever.
"""

from __future__ import annotations

import structlog

from penstock.log.interface import QueueClosed
from penstock.log.lane import Lane
from penstock.log.layout import partitions, queues
from penstock.log.sealed import is_idle
from penstock.log.settings import LogSettings
from penstock.log.slots import WriterSlot, try_slot
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

logger = structlog.get_logger(__name__)


def seal_unowned(data: DataDir, settings: LogSettings) -> None:
    """Seal the segments past their age in partitions whose writer slot is free. A process that starts meanwhile takes
    another slot. Raises OSError."""
    idle: dict[int, list[QueueId]] = {}
    for queue in queues(data):
        folder = data.queue(queue)
        for number in partitions(folder):
            if is_idle(folder / str(number), settings.segment_age_s):
                idle.setdefault(number, []).append(queue)
    for number, found in idle.items():
        slot = try_slot(data.slots, number)
        if slot is not None:
            try:
                for queue in found:
                    _seal(Lane(data, queue, slot, settings), slot)
            finally:
                slot.release()


def _seal(lane: Lane, slot: WriterSlot) -> None:
    try:
        lane.roll_if_old()
    except (OSError, QueueClosed) as error:
        logger.warning("log.roll_failed", queue=str(lane.queue), partition=slot.number, error=str(error))
    finally:
        lane.close()
