"""What can be set about the log."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Bytes = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=1, le=4096)]
Seconds = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(gt=0, le=1)]


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds, shares as parts of 1. The defaults fit one machine and hundreds of queues."""

    segment_bytes: Bytes = 64 * 1024 * 1024
    """A segment this big is sealed and the next begun."""
    segment_age_s: Seconds = 3600.0
    """A segment this old is sealed too, so that retention by age can drop it."""
    frame_bytes: Bytes = 1024 * 1024
    """Small posts of one schema are joined into frames of about this size; a larger post is one frame."""
    commit_bytes: Bytes = 16 * 1024 * 1024
    """Most bytes of posts that one sync covers; the rest waits for the next."""
    sync_threads: Count = 8
    """Queues whose files one process syncs at the same time."""
    open_files: Count = 256
    """Segments that one writing process keeps open."""
    retention_age_s: Seconds = 172_800.0
    """Records older than this may be dropped (2 days)."""
    retention_share: Share = 0.5
    """Share of the disk that the log may fill before its oldest segments are dropped."""
    hold_cap: Share = 0.7
    """Share of the disk up to which a slow flow can keep segments from being dropped; beyond it the flow fails."""
    disk_reserve_bytes: Annotated[int, Meta(ge=0)] = 1024 * 1024 * 1024
    """Free space below which appends are refused; reads and definitions go on."""
    batch_id_age_s: Seconds = 86_400.0
    """For how long a repeated batch id is recognised (24 h)."""
    clock_jump_s: Seconds = 300.0
    """A clock that moves by more than this against the time that passed has jumped."""
    clock_settle_s: Seconds = 3600.0
    """How long dropping pauses after the clock jumped forward."""
    tick_s: Seconds = 60.0
    """How often a writing process looks for segments that are old enough to be sealed."""
