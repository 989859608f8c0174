"""The load generator: processes whose connections each send what was built beforehand and wait for the answer.

Its processes are no children of the server, so their CPU is never counted as the server's.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

import psutil

from support.process_tree import cpu_between, cpu_seconds

_FORK = multiprocessing.get_context("fork")  # the prepared bytes are shared, not copied


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer: when it ended (time.monotonic), how long it took, and the bytes of records that the
    server took with it (0: it refused)."""

    ended: float
    seconds: float
    accepted_bytes: int


class Client(Protocol):
    """One connection's worth of load."""

    def connect(self) -> None: ...

    def exchange(self, turn: int) -> int:
        """Send the `turn`th request and wait for its answer; the bytes of records accepted. Raises on any answer that
        the benchmark does not allow for."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a window of time showed."""

    seconds: float
    exchanges: list[Exchange]
    cpu_seconds: float
    generator_cpu_seconds: float

    @property
    def megabytes(self) -> float:
        return sum(e.accepted_bytes for e in self.exchanges) / 1e6

    @property
    def per_second(self) -> float:
        """MB/s."""
        return self.megabytes / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """MB per CPU-second of the server."""
        return self.megabytes / self.cpu_seconds

    def latency(self, share: float) -> float:
        """Seconds within which that share of the exchanges was answered."""
        return quantile([e.seconds for e in self.exchanges], share)


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def measure(
    clients: Sequence[Client],
    server_pid: int,
    *,
    warm_s: float,
    window_s: float,
    rate: float = 0.0,
    per_process: int = 1,
    watch: Callable[[float], None] | None = None,
) -> Measured:
    """Run all clients at once for `warm_s` + `window_s` and report on the window. Each sends its next request when the
    last was answered; with `rate` not before its turn comes either (requests a second over all clients). `per_process`
    of them share a generator process. `watch` is called about every second of the window with the seconds passed.
    Raises RuntimeError when a client failed."""
    start = time.monotonic() + 0.3 + 0.005 * len(clients)
    pace = _Pace(start, start + warm_s + window_s + 0.2, len(clients) / rate if rate else 0.0, len(clients))
    numbered = list(enumerate(clients))
    running = [_start(numbered[i : i + per_process], pace) for i in range(0, len(numbered), per_process)]
    _sleep_until(start + warm_s)
    begun, before, generator_before = time.monotonic(), cpu_seconds(server_pid), _generator_cpu(running)
    while watch and time.monotonic() < begun + window_s - 1:
        _sleep_until(time.monotonic() + 1)
        watch(time.monotonic() - begun)
    _sleep_until(begun + window_s)
    ended, after, generator_after = time.monotonic(), cpu_seconds(server_pid), _generator_cpu(running)
    exchanges = [e for process, pipe in running for e in _collect(process, pipe) if begun < e.ended <= ended]
    if not exchanges:
        raise RuntimeError("nothing was answered within the window")
    return Measured(ended - begun, exchanges, cpu_between(before, after), generator_after - generator_before)


@dataclass(frozen=True, slots=True)
class _Pace:
    """From when to when, and how many seconds apart each of `clients` begins its requests (0: as it can)."""

    start: float
    deadline: float
    interval: float
    clients: int


def _start(
    clients: Sequence[tuple[int, Client]], pace: _Pace
) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    ours, theirs = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_drive_all, args=(clients, pace, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _drive_all(clients: Sequence[tuple[int, Client]], pace: _Pace, report: Connection) -> None:
    done: list[Exchange] = []
    finished: list[int] = []

    def drive(number: int, client: Client) -> None:
        _drive(number, client, pace, done)
        finished.append(number)

    threads = [threading.Thread(target=drive, args=pair) for pair in clients[1:]]
    for thread in threads:
        thread.start()
    drive(*clients[0])
    for thread in threads:
        thread.join()
    if len(finished) == len(clients):
        report.send(done)


def _drive(number: int, client: Client, pace: _Pace, done: list[Exchange]) -> None:
    client.connect()
    due, turn = pace.start + pace.interval * number / pace.clients, number
    _sleep_until(due)
    while (begun := time.monotonic()) < pace.deadline:
        accepted = client.exchange(turn)
        ended = time.monotonic()
        done.append(Exchange(ended, ended - begun, accepted))
        turn += 1
        if pace.interval:
            due = max(due + pace.interval, ended - 10 * pace.interval)  # a stall is not made up for by a long burst
            _sleep_until(min(due, pace.deadline))


def _collect(process: multiprocessing.process.BaseProcess, pipe: Connection) -> list[Exchange]:
    try:
        done: list[Exchange] = pipe.recv()
    except EOFError:
        raise RuntimeError("a load generator failed; its error is above") from None
    finally:
        process.join()
    return done


def _generator_cpu(running: Sequence[tuple[multiprocessing.process.BaseProcess, Connection]]) -> float:
    return sum(sum(psutil.Process(process.pid).cpu_times()[:2]) for process, _ in running)


def _sleep_until(moment: float) -> None:
    while (left := moment - time.monotonic()) > 0:
        time.sleep(left)
