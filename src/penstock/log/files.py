"""The one place where durable files are written: everything that changes the disk goes through `disk`.

`Disk` is the real thing. Tests put a layer in its place (`replace`) that loses, tears and reorders what was not synced.
Reading needs no such layer and is done with plain `os` calls.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from penstock.model.crashpoint import crashpoint

SYNC_DELAY = "PENSTOCK_SYNC_DELAY_MS"
"""Environment: milliseconds added to every sync of a file, to see how a slow disk would do."""

TEMP_SUFFIX = ".tmp"
IOV_MAX = 1024


class Disk:
    """What the log asks of the file system. Every method raises OSError as the system does."""

    def __init__(self, sync_delay_s: float = 0.0) -> None:
        self._sync_delay_s = sync_delay_s

    def create(self, path: Path, mode: int = 0o666) -> int:
        """A new empty file open for reading and writing; one of that name is emptied. Durable after `sync_folder`."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)

    def open(self, path: Path) -> int:
        """An existing file open for reading and writing."""
        return os.open(path, os.O_RDWR)

    def write(self, fd: int, buffers: Sequence[bytes | memoryview], position: int) -> int:
        """All of `buffers`, one after the other, at `position`; the position after them."""
        views = [memoryview(b).cast("B") for b in buffers]
        while views:
            written = os.pwritev(fd, views[:IOV_MAX], position)
            position += written
            while views and written >= len(views[0]):
                written -= len(views.pop(0))
            if written:
                views[0] = views[0][written:]
        return position

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        """Bytes and size of a file are on the disk when this returns."""
        if self._sync_delay_s:
            time.sleep(self._sync_delay_s)
        os.fdatasync(fd)

    def close(self, fd: int) -> None:
        os.close(fd)

    def make_folder(self, path: Path) -> None:
        path.mkdir(exist_ok=True)

    def rename(self, old: Path, new: Path) -> None:
        old.rename(new)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def remove_folder(self, path: Path) -> None:
        path.rmdir()

    def sync_folder(self, path: Path) -> None:
        """Names made, changed or removed in a folder are on the disk when this returns."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def boot_id(self) -> str:
        """Changes when the machine starts anew: then what was written but not synced may be gone."""
        return _boot_id

    def free_bytes(self, path: Path) -> int:
        """What an ordinary user may still write on the file system of `path`."""
        stat = os.statvfs(path)
        return stat.f_bavail * stat.f_frsize

    def total_bytes(self, path: Path) -> int:
        """Size of the file system of `path`."""
        stat = os.statvfs(path)
        return stat.f_blocks * stat.f_frsize


_boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
_disk = Disk(float(os.environ.get(SYNC_DELAY, "0")) / 1000)


def disk() -> Disk:
    """The layer in use."""
    return _disk


@contextmanager
def replace(layer: Disk) -> Iterator[Disk]:
    """Use another layer within the block, in all threads of this process."""
    global _disk
    before, _disk = _disk, layer
    try:
        yield layer
    finally:
        _disk = before


def write_durable(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Put `data` at `path` so that a reader sees the old or the new content, whole, at any time and after power loss:
    temp file, sync, rename, sync the folder. Two writers of one path must exclude each other."""
    layer = disk()
    temp = path.with_name(path.name + TEMP_SUFFIX)
    fd = layer.create(temp, mode)
    try:
        layer.write(fd, [data], 0)
        layer.sync(fd)
    finally:
        layer.close(fd)
    crashpoint("files.temp.synced")
    layer.rename(temp, path)
    crashpoint("files.temp.renamed")
    layer.sync_folder(path.parent)


def make_folders(path: Path) -> None:
    """`path` and its missing parents, durably."""
    if path.is_dir():
        return
    make_folders(path.parent)
    disk().make_folder(path)
    disk().sync_folder(path.parent)


def remove_tree(path: Path) -> None:
    """A folder and all in it; names left by a crash on the way are found by the next call."""
    if not path.is_dir():
        return
    for child in path.iterdir():
        if child.is_dir() and not child.is_symlink():
            remove_tree(child)
        else:
            disk().unlink(child)
    disk().remove_folder(path)
