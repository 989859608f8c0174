"""What the faces stand on, handed to them by the server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import tzinfo

from penstock.api.budget import ByteBudget
from penstock.api.definitions import Definitions
from penstock.api.settings import ApiSettings
from penstock.auth.pandora import PandoraVerifier
from penstock.catalog.database import Catalog
from penstock.connect.buckets import Buckets
from penstock.connect.interface import SinkContext
from penstock.log.interface import LogReader, LogWriter
from penstock.model.datadir import DataDir
from penstock.model.limits import Limits
from penstock.model.repo import QueueId


@dataclass(slots=True)
class Services:
    """One API process's share of the core. `executor` runs what would hold up the event loop."""

    data: DataDir
    catalog: Catalog
    verifier: PandoraVerifier
    log: LogWriter
    open_reader: Callable[[QueueId], LogReader]
    limits: Limits
    settings: ApiSettings
    render_metrics: Callable[[], bytes]
    executor: ThreadPoolExecutor
    buckets: Buckets
    timezone: tzinfo
    disk_reserve_bytes: int
    definitions: Definitions = field(init=False)
    budget: ByteBudget = field(init=False)

    def __post_init__(self) -> None:
        self.definitions = Definitions(self.catalog)
        self.budget = ByteBudget(
            self.settings.inflight_bytes, waiting=self.settings.waiting_posts, wait_s=self.settings.wait_s
        )

    def sink_context(self, owner: str) -> SinkContext:
        """What a sink of that owner may use."""
        return SinkContext(owner=owner, buckets=self.buckets, timezone=self.timezone)
