"""The parent of every process of a server: starts them, restarts a dead one alone, ends them in order.

It stays light and does no work itself: what needs the catalog or Arrow is done by its children, the preparation of the
data directory too. If it dies, the kernel ends them (control.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import structlog

from penstock.model.datadir import DataDir
from penstock.server.messages import (
    Assignment,
    Failed,
    Prepared,
    ProcessRole,
    Ready,
    ServerReady,
    Stop,
    Up,
)
from penstock.server.metrics import count_restart
from penstock.server.process import Process
from penstock.server.run_file import RunningServer

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 10.0
STEADY_S = 30.0
"""A process that lived this long is restarted without the delays that its earlier deaths had built up."""

log = structlog.stdlib.get_logger()


class StartFailed(Exception):
    """The server could not start; the message says why."""


@dataclass(frozen=True, slots=True)
class Site:
    """What all processes of one server share: the data directory and its lock, the listening socket and its address,
    the settings (passed on unread), the environment."""

    data: DataDir
    lock_fd: int
    listener: socket.socket
    url: str
    settings: msgspec.Raw
    environ: Mapping[str, str]


class Supervisor:
    """Runs one server until SIGTERM, SIGINT or SIGHUP; a second signal kills what is left. `plan` says how many
    processes of each role, in the order in which they are started; they are ended in the opposite order."""

    def __init__(self, site: Site, plan: Mapping[ProcessRole, int], shutdown_timeout_s: float) -> None:
        self._site = site
        self._plan = plan
        self._shutdown_timeout_s = shutdown_timeout_s
        self._slots = [(role, index) for role, count in plan.items() for index in range(count)]
        self._processes: dict[str, Process] = {}
        self._prepared: Prepared | None = None
        self._failure = ""
        self._was_ready = False
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Returns after an orderly end; raises StartFailed when a process cannot do its work at the first start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)
        log.info("starting", data_dir=str(self._site.data.root), pid=os.getpid())
        if not await self._prepare():
            return
        keepers = [asyncio.create_task(self._keep(role, index)) for role, index in self._slots]
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((stopped, *keepers), return_when=asyncio.FIRST_COMPLETED)
        self._stopping.set()  # a keeper that ended by itself failed: rather no server than one that is not kept
        await self._end()
        await asyncio.gather(stopped, *keepers)
        if self._failure and not self._was_ready:
            raise StartFailed(self._failure)
        log.info("stopped")

    async def _prepare(self) -> bool:
        """Bring the data directory up to date in a process that ends with it; False when told to stop meanwhile."""
        process = self._spawn(ProcessRole.PREPARE, 0)
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((process.exited, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not process.exited.done():
            process.kill()
            await process.exited
            return False
        if self._prepared is None:
            raise StartFailed(self._failure or f"prepare ended with status {process.exited.result()}")
        if self._prepared.access_key:
            _print_first_key(self._site.data, self._prepared)
        return True

    async def _keep(self, role: ProcessRole, index: int) -> None:
        """Have one such process at all times, until the server stops."""
        loop = asyncio.get_running_loop()
        delay = FIRST_DELAY_S
        while not self._stopping.is_set():
            started = loop.time()
            try:
                process = self._spawn(role, index)
            except OSError as error:
                log.error("process cannot be started", role=role, error=str(error), delay_s=delay)
            else:
                status = await process.exited
                del self._processes[process.name]
                if self._stopping.is_set():
                    return
                if not self._was_ready and status >= 0:  # it gave up by itself; one that was killed gets another go
                    self._failure = self._failure or f"{process.name} ended with status {status} before it was ready"
                    self._stopping.set()
                    return
                self._publish()
                self._count_restart(process)
                if loop.time() - started > STEADY_S:
                    delay = FIRST_DELAY_S
                log.error("process died", child=process.name, pid=process.pid, status=status, restart_in_s=delay)
            await self._pause(delay)
            delay = min(delay * 2, LONGEST_DELAY_S)

    def _count_restart(self, process: Process) -> None:
        try:
            count_restart(process.name, process.pid)
        except OSError as error:
            log.warning("restart not counted", error=str(error))

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the stop."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _end(self) -> None:
        """First no new requests and an answer to every one in hand; then the flows, which save their positions."""
        log.info("stopping")
        for role in reversed(list(self._plan)):
            group = [p for p in self._processes.values() if p.assignment.role is role]
            for process in group:
                process.send(Stop())
            if group:
                await asyncio.wait([p.exited for p in group], timeout=self._shutdown_timeout_s)
            for process in group:
                if not process.exited.done():
                    log.error("process killed: it did not end in time", child=process.name, pid=process.pid)
                    process.kill()
                    await process.exited

    def _spawn(self, role: ProcessRole, index: int) -> Process:
        site = self._site
        fd = site.listener.fileno() if role is ProcessRole.API else -1
        assignment = Assignment(role, index, site.settings, fd)
        process = Process(assignment, site.environ, site.lock_fd, self._on_message)
        if role is not ProcessRole.PREPARE:
            self._processes[process.name] = process
        log.info("process started", child=process.name, child_pid=process.pid)
        return process

    def _on_message(self, process: Process, message: Up) -> None:
        match message:
            case Ready():
                process.ready = True
                self._publish()
            case Prepared():
                self._prepared = message
            case Failed(message=text):
                self._failure = text

    def _publish(self) -> None:
        """Tell every process who is still missing, and the file for the local commands who runs."""
        ready = {name for name, process in self._processes.items() if process.ready}
        names = [f"{role}-{index}" for role, index in self._slots]
        waiting_for = tuple(name for name in names if name not in ready)
        for process in self._processes.values():
            process.send(ServerReady(waiting_for))
        pids = {name: process.pid for name, process in self._processes.items()}
        try:
            RunningServer(url=self._site.url, pid=os.getpid(), processes=pids).write(self._site.data)
        except OSError as error:  # a full disk must not end the supervision
            log.warning("run file not written", error=str(error))
        if not waiting_for and not self._was_ready:
            self._was_ready = True
            log.info("ready", url=self._site.url)

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            log.warning("killing: told to stop twice")
            for process in self._processes.values():
                process.kill()
        self._stopping.set()


def _print_first_key(data: DataDir, key: Prepared) -> None:
    """On standard output, once: the log never has it."""
    sys.stdout.write(
        f"First start: made an admin key, kept in {data.admin_key}\n"
        f"  access key  {key.access_key}\n"
        f"  secret key  {key.secret_key}\n"
    )
    sys.stdout.flush()
