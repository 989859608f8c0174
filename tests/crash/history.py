"""What the clients did and what they were told: the only source of what the checker expects."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What a client knows about a batch after an answer, or after none."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request. `connection` is unlike any other in the run; `status` is 0 when no answer came."""

    connection: int
    outcome: Outcome
    status: int = 0
    repeated: bool = False
    detail: str = ""


@dataclass(slots=True, eq=False)
class Batch:
    """One body: `count` records from `first` on of one client, in one repo. `digests` holds, for each view of the repo
    and each record, the digest of what the row must look like there; empty for a body that no server may store."""

    client: str
    repo: str
    first: int
    count: int
    digests: dict[str, list[bytes]]
    batch_id: str = ""
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """An acknowledgement holds for ever; a refusal only if no earlier attempt may have been stored."""
        outcomes = {a.outcome for a in self.attempts}
        if Outcome.ACKNOWLEDGED in outcomes:
            return Outcome.ACKNOWLEDGED
        return Outcome.UNKNOWN if Outcome.UNKNOWN in outcomes else Outcome.REFUSED

    def __str__(self) -> str:
        attempts = ", ".join(f"{a.outcome} {a.status or '-'} on connection {a.connection}" for a in self.attempts)
        named = f" id {self.batch_id}" if self.batch_id else ""
        return f"batch {self.client} {self.first}..{self.first + self.count - 1} to {self.repo}{named}: {attempts}"


class History:
    """Every batch of a run, safe to be written by many threads."""

    def __init__(self) -> None:
        self._batches: list[Batch] = []
        self._changed = threading.Condition()
        self._attempts = 0
        self._failure: BaseException | None = None
        self._connections = 0

    def new_connection(self) -> int:
        with self._changed:
            self._connections += 1
            return self._connections

    def add(self, batch: Batch) -> None:
        """A batch that has not been sent yet."""
        with self._changed:
            self._batches.append(batch)

    def fail(self, error: BaseException) -> None:
        """A client met what it cannot go on with."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def raise_failure(self) -> None:
        with self._changed:
            if self._failure is not None:
                raise self._failure

    def attempting(self) -> None:
        """A request is about to be sent."""
        with self._changed:
            self._attempts += 1
            self._changed.notify_all()

    def wait_for_attempts(self, more: int, timeout_s: float) -> None:
        """Return when so many more requests have begun: how the nemesis knows that there is load. Raises what a client
        raised."""
        with self._changed:
            wanted = self._attempts + more
            enough = self._changed.wait_for(lambda: self._failure or self._attempts >= wanted, timeout_s)
            if self._failure is not None:
                raise self._failure
            if not enough:
                raise AssertionError(f"the clients sent fewer than {more} requests in {timeout_s:g} s")

    def batches(self, repo: str) -> Iterator[Batch]:
        with self._changed:
            found = [b for b in self._batches if b.repo == repo]
        return iter(found)

    def counts(self) -> Counter[str]:
        """Batches by outcome, and `records` acknowledged."""
        with self._changed:
            batches = list(self._batches)
        counts = Counter(str(b.outcome) for b in batches)
        counts["records"] = sum(b.count for b in batches if b.outcome is Outcome.ACKNOWLEDGED)
        counts["retried"] = sum(len(b.attempts) > 1 for b in batches)
        counts["repeated"] = sum(a.repeated for b in batches for a in b.attempts)
        return counts

    def surprises(self) -> list[str]:
        """Answers that no client of this run should get: server errors, and refusals of what is right."""
        with self._changed:
            batches = list(self._batches)
        return [
            f"status {a.status}: {a.detail} ({b})"
            for b in batches
            for a in b.attempts
            if a.status >= 500 or (b.digests and a.outcome is Outcome.REFUSED)
        ]
