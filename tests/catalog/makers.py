"""Definitions to store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection

from penstock.catalog import repos
from penstock.catalog.audit import AuditEntry
from penstock.catalog.database import Catalog
from penstock.model.errors import Kind, Problem
from penstock.model.flow import Export
from penstock.model.repo import QueueId, Repo
from penstock.model.schema import Field, Schema, ValType

T = TypeVar("T")


def entry(owner: str = "o", action: str = "test") -> AuditEntry:
    return AuditEntry(owner=owner, principal="tester", action=action, object="thing")


def a_repo(name: str = "src", owner: str = "o", **more: Any) -> Repo:
    schema = Schema((Field("f", ValType.STRING),))
    return Repo(owner=owner, name=name, incarnation=0, region="nb", schema=schema, **more)


def an_export(queue: QueueId, name: str = "ex", **more: Any) -> Export:
    return Export(id=0, queue=queue, name=name, type="kodo", spec={"bucket": "b"}, **more)


def change(catalog: Catalog, fn: Callable[[Connection], T]) -> T:
    return catalog.change(entry(), fn).result(30)


def create_repo(catalog: Catalog, name: str = "src", owner: str = "o", **more: Any) -> Repo:
    return change(catalog, lambda conn: repos.create(conn, a_repo(name, owner, **more)))


def refused(catalog: Catalog, kind: Kind, fn: Callable[[Connection], object]) -> Problem:
    """The problem with which the change was refused."""
    with pytest.raises(Problem) as caught:
        change(catalog, fn)
    assert caught.value.kind is kind
    return caught.value
