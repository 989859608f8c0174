"""A catalog with the key that the recorded requests and the vectors are signed with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.auth.keyring import KeyRing
from penstock.auth.secrets import SecretBox
from penstock.catalog.database import Catalog
from penstock.model.access import Role
from penstock.model.datadir import DataDir


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.fixture
def catalog(data: DataDir) -> Iterator[Catalog]:
    with Catalog.open(data, migrate=True) as opened:
        yield opened


@pytest.fixture
def ring(data: DataDir, catalog: Catalog) -> KeyRing:
    ring = KeyRing(catalog, SecretBox.of(data))
    ring.add("o", Role.EDITOR, by="test", access_key="test_ak", secret_key="test_sk").result(30)
    return ring
