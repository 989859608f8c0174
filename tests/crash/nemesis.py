"""What happens to the server while clients post: processes killed, stopped for a moment, ended and started again."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from enum import StrEnum
from random import Random

import psutil

from crash.door import Door
from crash.history import History
from e2e.support.server import Server

ORPHAN_S = 1.0
"""How long a process may outlive its parent."""
BACK_S = 60.0
LOAD_S = 60.0


class Blow(StrEnum):
    """The ways to hurt a server."""

    TREE = "whole tree killed"
    PARENT = "parent killed alone"
    API = "API process killed alone"
    FLOWS = "flow worker killed alone"
    PAUSE = "a process stopped for a moment"
    RESTART = "ended in order and started again"


class Nemesis:
    """Strikes when there is load, at a moment that the seed decides; after `strike` the server is whole again."""

    def __init__(self, server: Server, door: Door, history: History, random: Random) -> None:
        self._server = server
        self._door = door
        self._history = history
        self._random = random
        self._never = threading.Event()
        self.done: Counter[Blow] = Counter()

    def strike(self, blow: Blow) -> None:
        """Raises AssertionError when the server does not take the blow as it should."""
        self._history.wait_for_attempts(self._random.randrange(2, 30), LOAD_S)
        self._let_pass(self._random.uniform(0, 0.05))
        match blow:
            case Blow.TREE:
                self._server.kill_tree()
                self._start()
            case Blow.PARENT:
                self._kill_parent()
                self._start()
            case Blow.API:
                self._kill_child("api-")
            case Blow.FLOWS:
                self._kill_child("flows-")
            case Blow.PAUSE:
                self._pause()
            case Blow.RESTART:
                status = self._server.stop()
                assert status == 0, f"the server ended with status {status}:\n{self._server.log_text()[-4000:]}"
                self._start()
        self.done[blow] += 1

    def _start(self) -> None:
        self._door.close()
        self._server.start()
        self._door.open()

    def _kill_parent(self) -> None:
        children = psutil.Process(self._server.pid).children(recursive=True)
        self._server.kill("supervisor")
        psutil.wait_procs(children, timeout=ORPHAN_S)
        alive = [child for child in children if _is_alive(child)]
        assert not alive, f"{alive} outlived their parent by more than {ORPHAN_S:g} s"

    def _kill_child(self, kind: str) -> None:
        processes = self._server.processes()
        name = self._random.choice(sorted(n for n in processes if n.startswith(kind)))
        pid = self._server.kill(name)
        self._server.wait_until(
            lambda: self._server.processes().get(name) not in (None, pid), f"whole again after {name} died", BACK_S
        )
        assert self._server.pid == psutil.Process(self._server.processes()[name]).ppid()

    def _pause(self) -> None:
        process = self._random.choice(self._server.tree())
        process.send_signal(signal.SIGSTOP)
        self._let_pass(self._random.uniform(0.05, 0.5))
        process.send_signal(signal.SIGCONT)

    def _let_pass(self, seconds: float) -> None:
        """The moment of the blow, within the requests of many clients, and how long a process stands still: both are
        what is tried out here, nothing is waited for."""
        self._never.wait(seconds)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def plan_blows(random: Random, kills: int) -> list[Blow]:
    """So many kills in any order: two of five of the whole tree, the rest shared by parent, API processes and flow
    worker; a pause and a restart in order for every ten of them come on top."""
    blows = [Blow.TREE] * (kills * 2 // 5)
    others = (Blow.PARENT, Blow.API, Blow.FLOWS)
    blows += [others[n % 3] for n in range(kills - len(blows))]
    blows += [Blow.PAUSE, Blow.RESTART] * max(1, kills // 10)
    random.shuffle(blows)
    return blows
