"""Numbers that only grow: incarnations and flow ids that are never used twice, and the definition generation."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Connection, update

from penstock.catalog.tables import counter


class Counter(StrEnum):
    """The counters there are; a migration makes each row."""

    GENERATION = "generation"
    """Moves with every definition change, in any process."""
    INCARNATION = "incarnation"
    FLOW = "flow"


def advance(conn: Connection, name: Counter) -> int:
    """The counter's next value; the first is 1. Given back when the transaction rolls back, so never seen twice."""
    raised = update(counter).where(counter.c.name == name).values(value=counter.c.value + 1).returning(counter.c.value)
    return int(conn.execute(raised).scalar_one())
