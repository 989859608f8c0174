"""A fresh data directory, and its catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.catalog.database import Catalog
from penstock.model.datadir import DataDir


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


@pytest.fixture
def catalog(data: DataDir) -> Iterator[Catalog]:
    with Catalog.open(data, migrate=True) as opened:
        yield opened
