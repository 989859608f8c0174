"""The records that wait to be written: how many bytes, for how long, and whether a file of them is due."""

from __future__ import annotations

from penstock.connect.interface import CutPolicy
from penstock.log.interface import LogReader
from penstock.model.flow import Positions


class Gathering:
    """What lies after `position`, counted step by step as it arrives: a look costs what is new, and never more than one
    file's worth of the queue is looked at, however much waits."""

    def __init__(self, reader: LogReader, position: Positions) -> None:
        self._reader = reader
        self._position = position
        self._upto = position
        self._stored = 0
        self._full = False

    @property
    def upto(self) -> Positions:
        """Where the file would end."""
        return self._upto

    def look(self, ends: Positions, budget: int) -> bool:
        """Gather up to `ends`, but not (much) more than `budget` stored bytes. True when the file is full. Raises
        PositionOutOfRange, CorruptLog."""
        while not self._full and is_behind(self._upto, ends):
            upto = {**self._upto, **self._reader.cut(self._upto, ends, max(1, budget - self._stored))}
            more = self._reader.stored_bytes(self._upto, upto)
            if self._stored and self._stored + more > budget:  # a cut has at least one frame, and this one is too much
                self._full = True
            else:
                self._stored, self._upto = self._stored + more, upto
                self._full = self._stored >= budget or is_behind(upto, ends)
        return self._full

    def waited_s(self, now_us: int, seen_for_s: float) -> float | None:
        """For how many seconds the oldest record has waited, since it arrived, or since the worker saw it
        (`seen_for_s`) if the clock was set back in between. None when nothing waits."""
        arrived = self._reader.arrived_at_us(self._position)
        return None if arrived is None else max(seen_for_s, (now_us - arrived) / 1e6)


def is_behind(position: Positions, ends: Positions) -> bool:
    return any(end > position.get(partition, 0) for partition, end in ends.items())


def due_after_s(policy: CutPolicy, buffer_max_s: float) -> float:
    """For how long the oldest record waits at most."""
    return buffer_max_s if policy.interval_s is None else min(policy.interval_s, buffer_max_s)
