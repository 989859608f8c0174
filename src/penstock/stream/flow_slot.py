"""Flow worker slots: locked numbers that share out the flows."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from penstock.log.files import make_folders


class NoFreeSlot(Exception):
    """As many workers run as the settings allow."""


class FlowSlot:
    """A held slot; the lock ends with the process, however it ends."""

    def __init__(self, number: int, descriptor: int) -> None:
        self.number = number
        self._descriptor = descriptor

    def release(self) -> None:
        os.close(self._descriptor)


def take_flow_slot(folder: Path, workers: int) -> FlowSlot:
    """The lowest of the slots 0 to workers-1 that no live process holds, in `DataDir.slots`. Raises NoFreeSlot."""
    make_folders(folder)
    for number in range(workers):
        descriptor = os.open(folder / f"flows-{number}.lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return FlowSlot(number, descriptor)
    raise NoFreeSlot(f"all {workers} flow worker slots are held")
