"""Flows: what carries records out of a repo. Exports (流式导出任务, seed 003) here; transforms join them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from penstock.model.repo import QueueId

Positions = dict[int, int]
"""{partition: offset of the next record}; a partition that is missing is read from its start."""


class Whence(StrEnum):
    """Where a new flow starts (导出数据的起始位置)."""

    OLDEST = "oldest"
    NEWEST = "newest"


class FlowState(StrEnum):
    """What a flow is doing, as its status shows it."""

    RUNNING = "running"
    RETRYING = "retrying"
    PAUSED = "paused"
    FAILED = "failed"


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """A stream export as the catalog holds it. `whence` is what the client sent (it may be empty); `start` holds the
    offsets to which it was fixed at creation. `spec` has its defaults filled in. `id` is never used twice."""

    id: int
    queue: QueueId
    name: str
    type: str
    spec: dict[str, Any]
    whence: str = ""
    start: Positions = {}
    paused: bool = False
    workflow: str = ""
    created_at_us: int = 0
    updated_at_us: int = 0


class FlowStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow worker publishes about one flow; the API adds the lag."""

    id: int
    state: FlowState
    position: Positions
    records_out: int = 0
    records_dead: int = 0
    records_omitted: int = 0
    files: int = 0
    records_per_second: float = 0.0
    last_error: str = ""
    last_error_at_us: int = 0
    last_write_at_us: int = 0
    updated_at_us: int = 0
    delivery: str = ""
