"""Fixtures of the log's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.model.datadir import DataDir


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")
