"""Killed at each crash point of the catalog and the first start: nothing half done is ever seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from catalog.children import Child
from catalog.makers import create_repo
from penstock.auth.keyring import KeyRing, ensure_admin, read_admin_key
from penstock.auth.secrets import SecretBox
from penstock.catalog import audit, repos
from penstock.catalog.database import Catalog
from penstock.model.access import Role
from penstock.model.crashpoint import ENVIRONMENT
from penstock.model.datadir import DataDir

FIRST_START = """
import sys
from pathlib import Path
from penstock.auth.keyring import KeyRing, ensure_admin
from penstock.auth.secrets import SecretBox
from penstock.catalog.database import Catalog
from penstock.model.datadir import DataDir

data = DataDir(Path(sys.argv[1]))
catalog = Catalog.open(data, migrate=True)
ensure_admin(KeyRing(catalog, SecretBox.of(data)), catalog, data)
"""


def first_start_killed_at(point: str, data: DataDir) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_START, str(data.root)], env=os.environ | {ENVIRONMENT: point}, check=False
    )
    assert done.returncode == -signal.SIGKILL


def test_before_the_commit_nothing_was_done(catalog: Catalog, data: DataDir) -> None:
    before = catalog.generation()
    with Child(data, **{ENVIRONMENT: "catalog.commit.ready"}) as child:
        child.send("create", "src")
        assert child.receive() is None
    assert catalog.read(lambda conn: repos.find(conn, "o", "src")) is None
    assert catalog.read(lambda conn: audit.list_of(conn, "o")) == []
    assert catalog.generation() == before
    create_repo(catalog)


def test_after_the_commit_all_was_done(catalog: Catalog, data: DataDir) -> None:
    before = catalog.generation()
    with Child(data, **{ENVIRONMENT: "catalog.commit.done"}) as child:
        child.send("create", "src")
        assert child.receive() is None
    assert catalog.read(lambda conn: repos.find(conn, "o", "src"))
    assert len(catalog.read(lambda conn: audit.list_of(conn, "o"))) == 1
    assert catalog.generation() > before


def test_a_first_start_that_was_killed_after_the_format_can_be_repeated(data: DataDir) -> None:
    first_start_killed_at("catalog.format.written", data)
    with Catalog.open(data, migrate=True) as catalog:
        create_repo(catalog)


def test_an_admin_key_that_was_only_written_down_is_the_one_that_counts(data: DataDir) -> None:
    for point in ("auth.admin.written", "catalog.commit.ready"):
        first_start_killed_at(point, data)
    written = read_admin_key(data)
    assert written
    with Catalog.open(data, migrate=True) as catalog:
        ring = KeyRing(catalog, SecretBox.of(data))
        assert ring.lookup(written.access_key) is None
        assert ensure_admin(ring, catalog, data) == written
        key = ring.lookup(written.access_key)
        assert key
        assert (key.secret.decode(), key.principal.role) == (written.secret_key, Role.ADMIN)
