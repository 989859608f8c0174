"""Small files that must survive a power cut: keys, format marks, ledgers' heads."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_durable(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put `data` at `path`, whole or not at all, on disk before returning; what was there is replaced in one step. The
    file never has wider permissions than `mode`. Raises OSError; then the old file still stands."""
    with _synced_copy(path, data, mode) as copy:
        copy.replace(path)
    sync_folder(path.parent)


def create_durable(path: Path, data: bytes, mode: int = 0o644) -> bool:
    """As `write_durable`, but never over a file that exists: False when there was one, and it is left as it was. Of
    several processes that race, exactly one gets True and the others find its whole file."""
    with _synced_copy(path, data, mode) as copy:
        try:
            path.hardlink_to(copy)  # unlike a rename, refuses to replace
        except FileExistsError:
            return False
    sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Make the folder's entries (a new, renamed or removed file) durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _synced_copy(path: Path, data: bytes, mode: int) -> Iterator[Path]:
    """`data` in a synced temporary file beside `path`; removed at the end if it is still there."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
