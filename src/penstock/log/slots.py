"""Writer slots: locked numbers. A writing process takes the lowest free one and owns that partition of every queue.

The lock (flock) ends with the process, however it ends. Each take raises the slot's epoch, durably, before anything is
written under it; frames carry it, so that one written under an older take is known.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from penstock.log.files import make_folders, write_durable
from penstock.model.crashpoint import crashpoint

PREFIX = "writer-"


class WriterSlot:
    """A held slot: its number (the partition) and the epoch of this take."""

    def __init__(self, number: int, epoch: int, fd: int) -> None:
        self.number, self.epoch, self._fd = number, epoch, fd

    def release(self) -> None:
        os.close(self._fd)


def take_slot(folder: Path) -> WriterSlot:
    """The lowest slot that no live process holds, in `DataDir.slots`. Raises OSError."""
    make_folders(folder)
    for number in count():
        slot = try_slot(folder, number)
        if slot is not None:
            return slot
    raise AssertionError("count() does not end")


def try_slot(folder: Path, number: int) -> WriterSlot | None:
    """The slot of that number; None while another holds it. Raises OSError."""
    fd = os.open(folder / f"{PREFIX}{number}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        epoch = slot_epoch(folder, number) + 1
        write_durable(_epoch_path(folder, number), str(epoch).encode())
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    crashpoint("log.slot.taken")
    return WriterSlot(number, epoch, fd)


def slot_epoch(folder: Path, number: int) -> int:
    """The epoch of the latest take; 0 before the first."""
    try:
        return int(_epoch_path(folder, number).read_bytes())
    except FileNotFoundError:
        return 0


def raise_epoch(folder: Path, number: int, epoch: int) -> None:
    """Have the next take get more than `epoch`: the log was restored, the slots were not. No writer may be alive."""
    if slot_epoch(folder, number) < epoch:
        make_folders(folder)
        write_durable(_epoch_path(folder, number), str(epoch).encode())


@contextmanager
def maintenance(folder: Path) -> Iterator[None]:
    """Keep compression and retention, in whatever processes, out of each other's way. `folder` is `DataDir.slots`."""
    make_folders(folder)
    fd = os.open(folder / "maintenance.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _epoch_path(folder: Path, number: int) -> Path:
    return folder / f"{PREFIX}{number}.epoch"
