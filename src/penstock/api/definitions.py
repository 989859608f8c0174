"""Definitions as one API process sees them: cached, and never stale."""

from __future__ import annotations

from penstock.catalog import repos
from penstock.catalog.cache import CatalogCache
from penstock.catalog.database import Catalog
from penstock.model.errors import Kind, Problem
from penstock.model.repo import QueueId, Repo


class Definitions:
    """Looks repos up by owner and name."""

    def __init__(self, catalog: Catalog) -> None:
        self._repos = CatalogCache[tuple[str, str], Repo](catalog, lambda conn, key: repos.get(conn, *key))

    def repo(self, owner: str, name: str) -> Repo:
        """The repo as of now; raises `Problem` REPO_MISSING."""
        return self._repos.get((owner, name))

    def require_open(self, queue: QueueId) -> None:
        """Raises REPO_MISSING unless this very incarnation is still in force: what a post checks between its sync and
        its reply."""
        if self.repo(queue.owner, queue.repo).incarnation != queue.incarnation:
            raise Problem(Kind.REPO_MISSING, repos.MISSING)
