"""A child's ends of the pipes to its supervisor. While they are open it lives; when it dies, so does the child."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable

import msgspec

from penstock.server.messages import Assignment, Down, ServerReady, Stop, Up
from penstock.server.settings import Settings

ORPHANED = 87
"""Exit status of a process whose supervisor died."""
_PR_SET_PDEATHSIG = 1
_STDIN = 0


def bind_to_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies, and leave the terminal's signals to the parent: it ends
    its processes in order. Exits at once if the parent died before this call."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(ORPHANED)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


class Control:
    """Reads the assignment, then listens on a thread of its own until the end of the process."""

    def __init__(self, report_fd: int) -> None:
        self._pending = b""
        self._up = report_fd
        self._decoder = msgspec.json.Decoder(Down)
        self.assignment = self._first()
        self.settings = msgspec.json.decode(self.assignment.settings, type=Settings)
        self.waiting_for: tuple[str, ...] = ("the supervisor's word",)
        """Processes that the server is still waiting for; empty when it is ready."""

    def report(self, message: Up) -> None:
        """Tell the supervisor. Short messages: one write is atomic."""
        os.write(self._up, msgspec.json.encode(message) + b"\n")

    def listen(self, on_stop: Callable[[], None]) -> None:
        """From now on keep `waiting_for` up to date and call `on_stop` (on the listening thread) at the first Stop."""
        threading.Thread(target=self._listen, args=(on_stop,), name="control", daemon=True).start()

    def _first(self) -> Assignment:
        line = self._line()
        if not line:
            os._exit(ORPHANED)
        message = self._decoder.decode(line)
        assert isinstance(message, Assignment)
        return message

    def _line(self) -> bytes:
        """The next line down; empty at the end of the pipe. Straight from the descriptor: a buffered stream's lock
        would hang the interpreter's own end."""
        while b"\n" not in self._pending:
            data = os.read(_STDIN, 65536)
            if not data:
                return b""
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def _listen(self, on_stop: Callable[[], None]) -> None:
        while line := self._line():
            match self._decoder.decode(line):
                case ServerReady(waiting_for=names):
                    self.waiting_for = names
                case Stop():
                    on_stop()
                case Assignment():
                    raise AssertionError("a process is assigned once")
        os._exit(ORPHANED)  # end of the pipe: the supervisor is gone, nobody would stop this process any more
