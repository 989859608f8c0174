"""The judge: an independent model of what a log and its exports must hold after whatever happened.

It knows the clients' history and what was read back, and nothing of the server.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from crash.canon import Row, digest, line
from crash.history import Batch, Outcome

RecordId = tuple[str, int]
"""A record: its client and sequence."""
Place = tuple[int, int]
"""Where the log has it: partition and offset."""
Places = dict[RecordId, Place]
SHOWN = 3
EVIDENCE = 700
"""Characters shown of a case."""


@dataclass
class Findings:
    """What is wrong: of each kind the first few cases and how many there are."""

    counts: Counter[str] = field(default_factory=Counter)
    cases: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, case: str) -> None:
        self.counts[kind] += 1
        if len(self.cases[kind]) < SHOWN:
            self.cases[kind].append(case[:EVIDENCE])

    def __str__(self) -> str:
        return "\n".join(
            f"{count} x {kind}:\n" + "".join(f"    {case}\n" for case in self.cases[kind])
            for kind, count in self.counts.items()
        )


class Expected:
    """What the clients of one repo sent, by record."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self.batches = list(batches)
        self._records = {(b.client, b.first + i): (b, i) for b in self.batches for i in range(b.count)}

    def __len__(self) -> int:
        return len(self._records)

    def problem(self, key: RecordId, row: str, view: str) -> tuple[str, str] | None:
        """What is wrong with a row that was read: it was never sent, or it looked different."""
        sent = self._records.get(key)
        if sent is None:
            return "record that was never sent", row
        batch, i = sent
        if not batch.digests:
            return "record of a body that must be refused", f"{row} of {batch}"
        if digest(row) != batch.digests[view][i]:
            return "record that was changed", f"{row} of {batch}"
        return None


def check_log(expected: Expected, partitions: Mapping[int, Iterable[tuple[int, Row]]], found: Findings) -> Places:
    """Every acknowledged record once, bodies whole, order kept. Returns where each record lies."""
    places: Places = {}
    for partition, rows in partitions.items():
        for offset, row in rows:
            key = row["client"], row["sequence"]
            text = line(row)
            if (problem := expected.problem(key, text, "whole")) is not None:
                found.add(f"log: {problem[0]}", f"{problem[1]} at {partition}/{offset}")
            elif key in places:
                found.add("log: record twice", f"{text} at {places[key]} and {partition}/{offset}")
            else:
                places[key] = partition, offset
    for batch in expected.batches:
        _check_batch(batch, places, found)
    _check_order(expected.batches, places, found)
    return places


def check_export(
    name: str,
    expected: Expected,
    places: Places,
    files: Iterable[tuple[str, Iterator[tuple[RecordId, Row]]]],
    view: str,
    found: Findings,
) -> int:
    """Every record of the log in one file once, and nothing else; within a partition in the log's order. `files` come
    in the order of their writing. Returns how many rows there were."""
    seen: dict[RecordId, str] = {}
    latest: dict[int, int] = {}
    for file, rows in files:
        for key, row in rows:
            text = line(row)
            if (problem := expected.problem(key, text, view)) is not None:
                found.add(f"{name}: {problem[0]}", f"{problem[1]} in {file}")
                continue
            if key in seen:
                found.add(f"{name}: record twice", f"{text} in {seen[key]} and {file}")
                continue
            seen[key] = file
            if key not in places:
                found.add(f"{name}: record that the log does not have", f"{text} in {file}")
                continue
            partition, offset = places[key]
            if offset < latest.get(partition, -1):
                found.add(f"{name}: out of order", f"{text} of {partition}/{offset} in {file} comes late")
            latest[partition] = offset
    for key in places.keys() - seen.keys():
        found.add(f"{name}: record lost", f"{key} of the log at {places[key]} is in no file")
    return len(seen)


def check_names(name: str, files: Sequence[tuple[str, int]], found: Findings) -> None:
    """(flow, sequence) of every file of an export: no sequence twice, all of one flow."""
    for flow in {flow for flow, _ in files}:
        sequences = sorted(sequence for f, sequence in files if f == flow)
        for before, after in pairwise(sequences):
            if after == before:
                found.add(f"{name}: two files of one sequence", f"{flow}-{before}")
    if len({flow for flow, _ in files}) > 1:
        found.add(f"{name}: files of several flows", str({flow for flow, _ in files}))


def _check_batch(batch: Batch, places: Places, found: Findings) -> None:
    stored = [p for i in range(batch.count) if (p := places.get((batch.client, batch.first + i))) is not None]
    if batch.outcome is Outcome.ACKNOWLEDGED and len(stored) < batch.count:
        found.add("log: acknowledged and lost", f"{batch.count - len(stored)} records of {batch}")
    elif batch.outcome is Outcome.REFUSED and stored:
        found.add("log: refused and stored", f"{len(stored)} records of {batch}")
    elif 0 < len(stored) < batch.count:
        found.add("log: body torn", f"{len(stored)} of {batch.count} records of {batch}")
    elif stored:
        partition, first = stored[0]
        if stored != [(partition, first + i) for i in range(batch.count)]:
            found.add("log: body scattered", f"{batch} at {stored[:5]}...")


def _check_order(batches: Iterable[Batch], places: Places, found: Findings) -> None:
    """What one connection sent lies in one partition, in the order of its requests."""
    by_connection: dict[int, list[Batch]] = defaultdict(list)
    for batch in batches:
        if len(batch.attempts) == 1 and batch.outcome is Outcome.ACKNOWLEDGED:
            by_connection[batch.attempts[0].connection].append(batch)
    for connection, sent in by_connection.items():
        at = [(b, places[b.client, b.first]) for b in sent if (b.client, b.first) in places]
        for (one, before), (other, after) in pairwise(at):
            if before[0] != after[0] or before[1] >= after[1]:
                found.add("log: order broken", f"connection {connection}: {one} at {before}, then {other} at {after}")
