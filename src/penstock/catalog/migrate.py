"""Make a data directory's catalog, or bring an older one up to date."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from penstock.catalog import sqlite
from penstock.catalog.format import check_format, make_format
from penstock.catalog.tables import REVISION
from penstock.model.crashpoint import crashpoint
from penstock.model.datadir import DataDir
from penstock.model.durable import sync_folder

SCRIPTS = Path(__file__).with_name("migrations")


def migrate(data: DataDir) -> None:
    """Create what is missing and run what is new, in one transaction: a crash leaves the old tables or the new ones.
    Processes that come at the same time take turns. Raises Unusable."""
    data.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(data.root):
        make_format(data)
        crashpoint("catalog.format.written")
        check_format(data)
        sqlite.make_wal(data.catalog)
        engines = sqlite.Engines(data.catalog)
        try:
            upgrade(engines.writer)
        finally:
            engines.close()
        sync_folder(data.root)


def upgrade(engine: Engine) -> None:
    """Run the migrations that the database lacks. Where none is lacking Alembic is not even loaded: that takes longer
    than all else at a start."""
    with engine.begin() as connection:
        if _revision(connection) == REVISION:
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process at a time is in here. The lock is the folder's own, so it needs no file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
