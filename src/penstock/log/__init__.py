"""The message queues. `open_writer` and `open_reader` are the way in; `interface` says what they promise.

Names are looked up at first use, so that `penstock.log.files` can be had without Arrow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.log.drop import drop_queue
    from penstock.log.memory import MemoryLog
    from penstock.log.reader import SegmentReader, open_reader
    from penstock.log.recovery import RecoveryReport, recover_all
    from penstock.log.reserve import DiskReserveReached
    from penstock.log.settings import LogSettings
    from penstock.log.writer import SegmentWriter, open_writer

__all__ = [
    "DiskReserveReached",
    "LogSettings",
    "MemoryLog",
    "RecoveryReport",
    "SegmentReader",
    "SegmentWriter",
    "drop_queue",
    "open_reader",
    "open_writer",
    "recover_all",
]

_HOMES = {
    "DiskReserveReached": "reserve",
    "LogSettings": "settings",
    "MemoryLog": "memory",
    "RecoveryReport": "recovery",
    "SegmentReader": "reader",
    "SegmentWriter": "writer",
    "drop_queue": "drop",
    "open_reader": "reader",
    "open_writer": "writer",
    "recover_all": "recovery",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
