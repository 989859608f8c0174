"""The cache: reads once a generation, forgets rather than grows. (That it is never stale: contract/test_catalog.py.)"""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from catalog.makers import change
from penstock.catalog.cache import CatalogCache
from penstock.catalog.database import Catalog


def test_it_reads_once_until_a_change(catalog: Catalog) -> None:
    def load(_: Connection, key: str) -> str | None:
        loads.append(key)
        return None if key == "none" else key

    loads: list[str] = []
    cache = CatalogCache(catalog, load)
    assert [cache.get("a"), cache.get("a"), cache.get("none"), cache.get("none")] == ["a", "a", None, None]
    assert loads == ["a", "none"]
    change(catalog, lambda conn: None)
    cache.get("a")
    assert loads == ["a", "none", "a"]


def test_it_is_bounded(catalog: Catalog) -> None:
    loads: list[int] = []
    cache = CatalogCache(catalog, lambda _, key: loads.append(key), at_most=3)
    for key in (1, 2, 3, 4, 4, 1):
        cache.get(key)
    assert loads == [1, 2, 3, 4, 1]


def test_what_load_raises_is_raised_each_time(catalog: Catalog) -> None:
    def load(_: Connection, key: str) -> str:
        raise LookupError(key)

    cache = CatalogCache(catalog, load)
    for _ in range(2):
        with pytest.raises(LookupError):
            cache.get("a")
