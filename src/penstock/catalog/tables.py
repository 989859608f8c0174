"""The catalog's tables. What queries look for is a column; the definition itself is one JSON text of its Struct.

Migrations (catalog/migrations) make these tables; a test holds that both agree. Times are UTC microseconds.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from penstock.model.flow import Export
from penstock.model.repo import Repo

REVISION = "0001"
"""The migration that makes exactly these tables."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Json(TypeDecorator[Any]):
    """A value of one type as JSON text."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value, type=self.kind)


counter = Table(
    "counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

owner = Table(
    "owner",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
)

owner_grant = Table(
    "owner_grant",
    metadata,
    Column("owner", Text, ForeignKey("owner.id"), primary_key=True),
    Column("grantee", Text, ForeignKey("owner.id"), primary_key=True),
    Column("role", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
)

access_key = Table(
    "access_key",
    metadata,
    Column("access_key", Text, primary_key=True),
    Column("owner", Text, ForeignKey("owner.id"), nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
    Column("revoked_at_us", BigInteger),
    Index(None, "owner"),
)

repo = Table(
    "repo",
    metadata,
    Column("incarnation", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("definition", Json(Repo), nullable=False),
    UniqueConstraint("owner", "name"),
)

dropped_queue = Table(
    "dropped_queue",
    metadata,
    Column("incarnation", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("repo", Text, nullable=False),
    Column("dropped_at_us", BigInteger, nullable=False),
)

export = Table(
    "export",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("incarnation", BigInteger, ForeignKey("repo.incarnation"), nullable=False),
    Column("name", Text, nullable=False),
    Column("definition", Json(Export), nullable=False),
    UniqueConstraint("incarnation", "name"),
)

dropped_flow = Table(
    "dropped_flow",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("dropped_at_us", BigInteger, nullable=False),
)

bucket = Table(
    "bucket",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("created_at_us", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("detail", Json(dict[str, Any]), nullable=False),
    Index(None, "owner", "id"),
)
