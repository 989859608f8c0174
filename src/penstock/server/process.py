"""One process of the server, as its supervisor holds it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec

from penstock.server.messages import Assignment, Down, Up


class Process:
    """A spawned child with a pipe each way. `exited` resolves to its exit status (minus the signal that killed it);
    `on_message` is called with everything it reports. Must be made on a running event loop."""

    def __init__(
        self,
        assignment: Assignment,
        environ: Mapping[str, str],
        lock_fd: int,
        on_message: Callable[[Process, Up], None],
    ) -> None:
        self.assignment = assignment
        self.name = assignment.name
        self.ready = False
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = self._loop.create_future()
        self._decoder = msgspec.json.Decoder(Up)
        self._partial = b""
        self._reports, report_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            # -P: the working directory is no place to import from. A process group of its own: the terminal's ^C must
            # not reach it past the supervisor.
            self._popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "penstock.server.child", str(os.getpid()), str(report_fd)],
                stdin=subprocess.PIPE,
                bufsize=0,
                env=dict(environ),
                pass_fds=[report_fd, lock_fd, *([assignment.listen_fd] if assignment.listen_fd >= 0 else [])],
                process_group=0,
            )
        finally:
            os.close(report_fd)
        self.pid = self._popen.pid
        self._pidfd = os.pidfd_open(self.pid)
        self._loop.add_reader(self._pidfd, self._on_exit)
        self._loop.add_reader(self._reports, self._on_reports)
        assert self._popen.stdin is not None
        self._down = self._popen.stdin.fileno()
        self.send(assignment)
        os.set_blocking(self._down, False)

    def send(self, message: Down) -> None:
        """Tell the process. One that has just died is told nothing, its exit says so; nor is one that has not listened
        for so long that the pipe is full: it must not hold up the others, and a stop that it does not hear kills it."""
        line = memoryview(msgspec.json.encode(message) + b"\n")
        with suppress(BrokenPipeError, BlockingIOError):
            while line:  # only the assignment can be longer than what a pipe takes at once
                line = line[os.write(self._down, line) :]

    def kill(self) -> None:
        """End the process and what it started, at once."""
        if not self.exited.done():
            os.killpg(self.pid, signal.SIGKILL)

    def _on_reports(self) -> None:
        try:
            data = os.read(self._reports, 65536)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._reports)
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._on_message(self, self._decoder.decode(line))

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._on_reports()  # its last words may still be in the pipe
        self._loop.remove_reader(self._reports)
        os.close(self._reports)
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        self.exited.set_result(self._popen.wait())
