"""Migrations: they make the tables that the code uses, once, whoever comes at the same time."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from catalog.makers import create_repo
from penstock.catalog import migrate, repos
from penstock.catalog.database import Catalog
from penstock.catalog.format import Unusable
from penstock.catalog.migrate import SCRIPTS
from penstock.catalog.tables import REVISION, metadata
from penstock.model.datadir import DataDir


def test_the_migrations_make_the_tables_of_the_code(catalog: Catalog) -> None:
    def differences(conn: Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata)

    assert catalog.read(differences) == []


def test_the_code_names_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_migrating_again_changes_nothing(data: DataDir) -> None:
    with Catalog.open(data, migrate=True) as catalog:
        made = create_repo(catalog)
    with Catalog.open(data, migrate=True) as catalog:
        assert catalog.read(lambda conn: repos.get(conn, "o", "src")) == made


def test_processes_that_start_together_take_turns(data: DataDir) -> None:
    code = (
        "import sys; from pathlib import Path; from penstock.catalog.database import Catalog;"
        "from penstock.model.datadir import DataDir;"
        "sys.stdin.readline(); Catalog.open(DataDir(Path(sys.argv[1])), migrate=True).close()"
    )
    started = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", code, str(data.root)], stdin=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin
        process.stdin.write(b"go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60) and process.returncode for process in started] == [0, 0, 0, 0]


def test_nobody_else_is_there_meanwhile(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def make_format(_: DataDir) -> None:
        with pytest.raises(BlockingIOError):
            fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
        tried.append(True)
        real(data)

    tried: list[bool] = []
    real = migrate.make_format
    data.root.mkdir()
    another = os.open(data.root, os.O_RDONLY)
    monkeypatch.setattr(migrate, "make_format", make_format)
    try:
        migrate.migrate(data)
    finally:
        os.close(another)
    assert tried


@pytest.mark.parametrize("revision", ["0000", "9999"])
def test_tables_of_another_version_are_refused(data: DataDir, revision: str) -> None:
    with Catalog.open(data, migrate=True) as catalog:
        stamp = text("UPDATE alembic_version SET version_num = :revision")
        catalog.write(lambda conn: conn.execute(stamp, {"revision": revision})).result(30)
    with pytest.raises(Unusable, match=f"tables of version {revision}, this program needs {REVISION}"):
        Catalog.open(data)


def test_an_empty_catalog_file_is_refused_with_a_sentence(data: DataDir) -> None:
    data.root.mkdir()
    data.format.write_text("1\n")
    data.catalog.touch()
    with pytest.raises(Unusable, match="start `penstock serve` once"):
        Catalog.open(data)


def test_a_file_that_is_no_database_is_refused_with_a_sentence(data: DataDir) -> None:
    data.root.mkdir()
    data.format.write_text("1\n")
    data.catalog.write_bytes(b"not a database at all" * 100)
    with pytest.raises(Unusable, match="is damaged"):
        Catalog.open(data)


def test_a_new_directory_is_the_users_alone(data: DataDir) -> None:
    Catalog.open(data, migrate=True).close()
    assert stat.S_IMODE(data.root.stat().st_mode) == 0o700


def test_a_directory_with_odd_characters_works(tmp_path: Path) -> None:
    with Catalog.open(DataDir(tmp_path / "50% ü?#&"), migrate=True) as catalog:
        create_repo(catalog)


def test_a_process_that_does_not_migrate_does_without_alembic(data: DataDir) -> None:
    Catalog.open(data, migrate=True).close()
    code = (
        "import sys; from pathlib import Path; from penstock.catalog.database import Catalog;"
        "from penstock.model.datadir import DataDir;"
        "Catalog.open(DataDir(Path(sys.argv[1]))).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(data.root)], check=False).returncode == 0
