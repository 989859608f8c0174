"""What flow workers publish about their flows, and what is computed from it when somebody asks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from penstock.connect.registry import sink_type
from penstock.log.interface import LogReader, PositionOutOfRange
from penstock.model.datadir import DataDir
from penstock.model.flow import Export, FlowState, FlowStatus, Positions

_FILES = "flows-*.json"
_decode = msgspec.json.Decoder(list[FlowStatus]).decode


@dataclass(frozen=True, slots=True)
class FlowLag:
    """How far a flow is behind: where its queue ends, records not carried out yet, and the age of the oldest of them in
    seconds."""

    end: Positions
    records: int
    seconds: float


def status_path(data: DataDir, slot: int) -> Path:
    """Where the worker of that slot publishes."""
    return data.run / _FILES.replace("*", str(slot))


def publish(path: Path, statuses: Iterable[FlowStatus]) -> None:
    """Replace what the worker has published. Readers see the old or the new list, whole; it need not survive a crash.
    Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_suffix(".tmp")
    temp.write_bytes(msgspec.json.encode(list(statuses)))
    temp.replace(path)


def read_statuses(data: DataDir) -> dict[int, FlowStatus]:
    """The published status of every flow, by id. Flows that no worker has taken up yet are missing."""
    statuses: dict[int, FlowStatus] = {}
    for path in data.run.glob(_FILES):
        for status in _read(path):
            known = statuses.get(status.id)
            if known is None or known.updated_at_us < status.updated_at_us:
                statuses[status.id] = status
    return statuses


def status_of(data: DataDir, export: Export) -> FlowStatus:
    """One export's status: as published, or as its definition says while no worker has taken it up."""
    status = read_statuses(data).get(export.id) or FlowStatus(
        id=export.id,
        state=FlowState.RUNNING,
        position=export.start,
        updated_at_us=export.updated_at_us,
        delivery=sink_type(export.type).delivery,
    )
    if export.paused:  # as soon as the catalog says so, whatever the worker is finishing
        return msgspec.structs.replace(status, state=FlowState.PAUSED)
    return status


def lag(reader: LogReader, position: Mapping[int, int], now_us: int | None = None) -> FlowLag:
    """How far `position` is behind the end of the queue at `now_us` (UTC microseconds; default: now). It may be older
    than what the queue retains: a published status is a moment old, and a flow may have lost its records."""
    ends, starts = reader.ends(), reader.starts()
    records = sum(max(0, end - position.get(partition, starts.get(partition, 0))) for partition, end in ends.items())
    retained = {p: min(max(offset, starts.get(p, 0)), ends.get(p, 0)) for p, offset in position.items()}
    try:
        arrived = reader.arrived_at_us(retained) if records else None
    except PositionOutOfRange:  # more was dropped meanwhile
        return lag(reader, position, now_us)
    now = time.time_ns() // 1000 if now_us is None else now_us
    return FlowLag(ends, records, 0.0 if arrived is None else max(0.0, (now - arrived) / 1e6))


def _read(path: Path) -> list[FlowStatus]:
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:  # the worker ended in between
        return []
