"""The FORMAT file, and the fixture of every format that was ever written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from catalog.makers import create_repo
from penstock.auth.keyring import KeyRing
from penstock.auth.secrets import SecretBox
from penstock.catalog import buckets, exports, owners, repos
from penstock.catalog.database import Catalog
from penstock.catalog.format import FORMAT, Unusable, check_format
from penstock.model.access import Role
from penstock.model.datadir import DataDir

FIXTURES = Path(__file__).parents[1] / "data" / "formats"


def test_a_new_directory_bears_the_format(data: DataDir) -> None:
    Catalog.open(data, migrate=True).close()
    assert data.format.read_text() == f"{FORMAT}\n"
    assert check_format(data) == FORMAT


@pytest.mark.parametrize("migrate", [False, True])
def test_a_newer_format_is_refused_and_left_alone(data: DataDir, migrate: bool) -> None:
    Catalog.open(data, migrate=True).close()
    data.format.write_text(f"{FORMAT + 1}\n")
    before = data.catalog.read_bytes()
    with pytest.raises(Unusable, match="use the newer Penstock"):
        Catalog.open(data, migrate=migrate)
    assert data.catalog.read_bytes() == before


@pytest.mark.parametrize("content", ["", "one", "-1", "0", "1.5", "١"])
def test_a_format_that_is_no_number_is_refused(data: DataDir, content: str) -> None:
    data.root.mkdir()
    data.format.write_text(content)
    with pytest.raises(Unusable, match="not a version number"):
        check_format(data)


def test_data_without_a_format_is_refused(data: DataDir) -> None:
    Catalog.open(data, migrate=True).close()
    data.format.unlink()
    for migrate in (False, True):
        with pytest.raises(Unusable, match="FORMAT"):
            Catalog.open(data, migrate=migrate)


def test_a_directory_that_was_never_started_is_refused_with_the_remedy(data: DataDir) -> None:
    with pytest.raises(Unusable, match="penstock serve"):
        Catalog.open(data)
    data.root.mkdir()
    data.format.write_text("1\n")
    with pytest.raises(Unusable, match="has no catalog"):
        Catalog.open(data)


def test_there_is_a_fixture_of_every_format() -> None:
    assert {p.name for p in FIXTURES.iterdir() if p.is_dir()} == {str(n) for n in range(1, FORMAT + 1)}


@pytest.mark.parametrize("version", range(1, FORMAT + 1))
def test_every_format_opens_with_all_that_is_in_it(data: DataDir, version: int) -> None:
    shutil.copytree(FIXTURES / str(version), data.root)
    data.secret_key.chmod(0o600)
    with Catalog.open(data, migrate=True) as catalog:
        [src, target] = catalog.read(lambda conn: repos.list_of(conn, "default"))
        assert (src.name, src.region, target.derived_from) == ("src", "nb", "tr")
        assert [f.key for f in src.schema.fields] == ["s", "n", "m", "a", "ip", "at"]
        assert (src.options.with_ip, src.options.with_timestamp) == ("ip", "at")
        [export] = catalog.read(exports.list_all)
        assert (export.name, export.queue, export.start) == ("ex", src.queue, {0: 3})
        assert [q.repo for q in catalog.read(repos.dropped)] == ["gone"]
        assert len(catalog.read(exports.dropped)) == 1
        assert catalog.read(lambda conn: buckets.get(conn, "weblogs")) == "default"
        assert catalog.read(lambda conn: owners.granted(conn, "default", "9")) is Role.VIEWER
        key = KeyRing(catalog, SecretBox.of(data)).lookup("test_ak")
        assert key
        assert (key.secret, key.principal.role) == (b"test_sk", Role.ADMIN)
        assert create_repo(catalog, "later").incarnation > target.incarnation
