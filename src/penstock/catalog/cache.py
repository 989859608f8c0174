"""What is read from the catalog and kept until a definition changes, in whichever process."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar, cast

from sqlalchemy import Connection

from penstock.catalog.database import Catalog

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_MISSING = object()


class CatalogCache(Generic[K, V]):
    """`load(conn, key)`, remembered. Never stale: a change that was committed before `get` is called is seen by it.
    What `load` returns is remembered whatever it is (None too); what it raises is not. Safe from any thread."""

    def __init__(self, catalog: Catalog, load: Callable[[Connection, K], V], at_most: int = 10_000) -> None:
        self._catalog = catalog
        self._load = load
        self._at_most = at_most
        self._kept: tuple[int, dict[K, V | object]] = (-1, {})

    def get(self, key: K) -> V:
        generation = self._catalog.generation()
        kept_at, kept = self._kept
        if kept_at != generation:
            kept = {}
            self._kept = (generation, kept)
        found = kept.get(key, _MISSING)
        if found is not _MISSING:
            return cast(V, found)
        value = self._catalog.read(lambda conn: self._load(conn, key))
        if len(kept) >= self._at_most:  # keys come from clients: forget rather than grow
            kept.clear()
        # Into the dict of the generation that was asked for before the read: another thread may have replaced it since.
        kept[key] = value
        return value
