"""The message queues. `open_writer` and `open_reader` are the way in; `interface` says what they promise."""

from penstock.log.memory import MemoryLog
from penstock.log.reader import SegmentReader
from penstock.log.recovery import RecoveryReport, recover_all
from penstock.log.reserve import DiskReserveReached
from penstock.log.settings import LogSettings
from penstock.log.writer import SegmentWriter
from penstock.model.datadir import DataDir
from penstock.model.repo import QueueId

__all__ = [
    "DiskReserveReached",
    "LogSettings",
    "MemoryLog",
    "RecoveryReport",
    "SegmentReader",
    "SegmentWriter",
    "open_reader",
    "open_writer",
    "recover_all",
]


def open_writer(data: DataDir, settings: LogSettings | None = None) -> SegmentWriter:
    """This process's writer; takes the lowest free writer slot. Raises OSError."""
    return SegmentWriter(data, settings or LogSettings())


def open_reader(data: DataDir, queue: QueueId) -> SegmentReader:
    """A reader of one queue, which need not have been written to."""
    return SegmentReader(data, queue)
