"""Counters: 1, 2, 3, and never again."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from penstock.catalog.counters import Counter, advance
from penstock.catalog.database import Catalog


@pytest.mark.parametrize("counter", Counter)
def test_each_counts_from_one(catalog: Catalog, counter: Counter) -> None:
    assert [catalog.write(lambda conn: advance(conn, counter)).result(30) for _ in range(3)] == [1, 2, 3]


def test_a_value_that_was_undone_was_never_seen(catalog: Catalog) -> None:
    def draw_and_fail(conn: Connection) -> None:
        advance(conn, Counter.FLOW)
        raise ValueError

    with pytest.raises(ValueError):
        catalog.write(draw_and_fail).result(30)
    assert catalog.write(lambda conn: advance(conn, Counter.FLOW)).result(30) == 1
