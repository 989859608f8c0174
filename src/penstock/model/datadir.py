"""Where things lie in a data directory. The only place that knows these names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from penstock.model.repo import QueueId


@dataclass(frozen=True, slots=True)
class DataDir:
    """The paths below one data directory; makes none of them."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held (flock) by the one server, or the one maintenance command, that uses the directory."""
        return self.root / "lock"

    @property
    def format(self) -> Path:
        """The format version of everything here, as one decimal number."""
        return self.root / "FORMAT"

    @property
    def catalog(self) -> Path:
        """SQLite: definitions, keys, audit, later runs."""
        return self.root / "catalog.db"

    @property
    def secret_key(self) -> Path:
        """The key (mode 0600) under which stored secrets are encrypted."""
        return self.root / "secret.key"

    @property
    def admin_key(self) -> Path:
        """The first admin's access key and secret (mode 0600), for the local commands."""
        return self.root / "admin.json"

    @property
    def log(self) -> Path:
        """The message queues: <owner>/<repo>-<incarnation>/<partition>/..."""
        return self.root / "log"

    @property
    def slots(self) -> Path:
        """Locked files that hand out writer slots (partitions) and flow worker slots."""
        return self.root / "slots"

    @property
    def flows(self) -> Path:
        """Flow journals and the ledgers of written files."""
        return self.root / "flows"

    @property
    def buckets(self) -> Path:
        """One folder a bucket, unless the configuration maps it elsewhere."""
        return self.root / "buckets"

    @property
    def run(self) -> Path:
        """What only matters while the server runs: published statuses, the listen address. Emptied at start."""
        return self.root / "run"

    def queue(self, queue: QueueId) -> Path:
        return self.log / queue.owner / f"{queue.repo}-{queue.incarnation}"
