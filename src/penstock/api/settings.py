"""Settings of the faces."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the HTTP faces behave."""

    regions: tuple[str, ...] = ("nb",)
    """Regions that a repo may name (E18212)."""
    inflight_bytes: Annotated[int, Meta(ge=1)] = 32 * 1024 * 1024
    """Body bytes that one API process holds at once; beyond it posts wait, then get 503."""
    waiting_posts: Annotated[int, Meta(ge=0)] = 128
    """Posts of one API process that may wait for bytes in flight to come free, their bodies unread."""
    wait_s: Annotated[float, Meta(ge=0)] = 2.0
    """Longest such wait; then the post gets 503."""
    metrics_open: bool = False
    """Let other machines read `/metrics`, which names owners and repos. Callers on this machine always may."""
    body_timeout_s: Annotated[float, Meta(gt=0)] = 30.0
    """A body that takes longer to arrive is given up."""
