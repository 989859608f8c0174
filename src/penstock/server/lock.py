"""One server to a data directory."""

from __future__ import annotations

import fcntl
import os
import time
from types import TracebackType

from penstock.model.datadir import DataDir

LINGER_S = 10.0
"""How long the processes of a server that was killed may hold on to the lock, at most."""


class DataDirBusy(Exception):
    """Another process uses the data directory; the message says which."""


class DataDirLock:
    """Holds the data directory's lock (flock) for a `with` block. A server's processes inherit `fd`: the lock is free
    only when the last of them is gone, and then always. Raises DataDirBusy, and OSError if there can be none."""

    def __init__(self, data: DataDir) -> None:
        self._data = data
        self.fd = -1

    def __enter__(self) -> DataDirLock:
        self._data.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.fd = os.open(self._data.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._acquire()
        except DataDirBusy:
            os.close(self.fd)
            raise
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.fd)

    def _acquire(self) -> None:
        deadline = time.monotonic() + LINGER_S
        while True:
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                holder = os.pread(self.fd, 32, 0).decode("ascii", "replace").strip()
                if _alive(holder) or time.monotonic() > deadline:
                    raise DataDirBusy(
                        f"{self._data.root} is in use by process {holder or 'unknown'}: "
                        "stop that one first, or use another --data-dir"
                    ) from None
                time.sleep(0.01)  # the supervisor is dead, and its processes are being killed by the kernel


def is_locked(data: DataDir) -> bool:
    """Whether a server, or a command that needs the directory for itself, uses it now."""
    try:
        fd = os.open(data.lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(fd)


def _alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
