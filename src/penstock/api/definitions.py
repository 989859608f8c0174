"""Definitions as one API process sees them: cached, and never stale.

The catalog's generation is compared before each use; any committed change, by whichever process, empties the cache.
"""

from __future__ import annotations

from penstock.catalog import repos
from penstock.catalog.database import Catalog
from penstock.model.errors import Kind, Problem
from penstock.model.repo import QueueId, Repo

MISSING = "The specified repo does not exist under the provided appid"


class Definitions:
    """Looks repos up by owner and name."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._generation = -1
        self._repos: dict[tuple[str, str], Repo] = {}

    def repo(self, owner: str, name: str) -> Repo:
        """The repo as of now; raises `Problem` REPO_MISSING."""
        generation = self._catalog.generation()
        if generation != self._generation:
            self._repos.clear()
            self._generation = generation
        found = self._repos.get((owner, name))
        if found is None:
            found = self._catalog.read(lambda c: repos.get(c, owner, name))
            self._repos[owner, name] = found
        return found

    def require_open(self, queue: QueueId) -> None:
        """Raises REPO_MISSING unless this very incarnation is still in force: what a post checks between its sync and
        its reply."""
        if self.repo(queue.owner, queue.repo).incarnation != queue.incarnation:
            raise Problem(Kind.REPO_MISSING, MISSING)
