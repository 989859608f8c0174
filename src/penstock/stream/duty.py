"""Background duties: what must be done every so often, each a function of its own, in a thread beside the flows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

log = structlog.stdlib.get_logger()


@dataclass(slots=True)
class Duty:
    """One duty. `rounds` counts those done and `done` wakes who waits for one: that is how tests know."""

    name: str
    interval_s: float
    run: Callable[[], object]
    rounds: int = 0
    done: threading.Condition = field(default_factory=threading.Condition)

    def once(self) -> None:
        """One round. What goes wrong is logged, and tried again at the next."""
        try:
            self.run()
        except Exception:
            log.error("duty failed", duty=self.name, exc_info=True)
        with self.done:
            self.rounds += 1
            self.done.notify_all()

    def wait_for_round(self, timeout_s: float = 30.0) -> bool:
        """Until a round that begins after this call is over."""
        with self.done:
            wanted = self.rounds + 2  # one may be under way
            return self.done.wait_for(lambda: self.rounds >= wanted, timeout_s)


class DutyThread:
    """Runs the duties one after the other, each at its interval, from the first on at the start."""

    def __init__(self, duties: Sequence[Duty], monotonic: Callable[[], float]) -> None:
        self.duties = duties
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="duties", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after the duty under way, which is safe to be cut short by the end of the process."""
        self._stop.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        due = {duty.name: self._monotonic() for duty in self.duties}
        while not self._stop.is_set():
            for duty in self.duties:
                if self._monotonic() >= due[duty.name] and not self._stop.is_set():
                    duty.once()
                    due[duty.name] = self._monotonic() + duty.interval_s
            self._stop.wait(max(0.0, min(due.values(), default=60.0) - self._monotonic()))
