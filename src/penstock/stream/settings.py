"""What can be set about flows."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class FlowSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The flow workers: how many, how often they look, how they retry."""

    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Processes that run flows. May change between starts: each takes over the positions of its flows."""
    threads: Annotated[int, Meta(ge=1, le=64)] = 2
    """Flows that one worker writes at the same time."""
    poll_ms: Annotated[int, Meta(ge=10, le=10_000)] = 200
    """How often a worker looks for changed definitions and new records. A flow whose queue is quiet is looked
    at up to ten times less often."""
    retry_base_s: Annotated[float, Meta(gt=0)] = 1.0
    """Wait after the first failure of a write; it doubles with each further one."""
    retry_max_s: Annotated[float, Meta(gt=0)] = 300.0
    """Longest wait between two tries."""
    buffer_max_s: Annotated[float, Meta(gt=0)] = 86_400.0
    """Records that waited this long are written whatever the rotation says; never more than half of what the queues
    keep (`log.retention_age_s`)."""
    expire_s: Annotated[float, Meta(gt=0)] = 600.0
    """How often exported files are looked through for those past their `retention`."""
    retain_s: Annotated[float, Meta(gt=0)] = 60.0
    """How often queues are looked through for segments to compress or drop."""
