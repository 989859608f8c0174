"""Every kept fuzz input passes the check it was kept for."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.checks import check_json, check_text

CORPUS = Path(__file__).parent / "corpus"


def inputs(kind: str) -> list[Path]:
    return sorted((CORPUS / kind).iterdir())


@pytest.mark.parametrize("path", inputs("text"), ids=lambda path: path.name)
def test_text(path: Path) -> None:
    check_text(path.read_bytes())


@pytest.mark.parametrize("path", inputs("json"), ids=lambda path: path.name)
def test_json(path: Path) -> None:
    check_json(path.read_bytes())


def test_there_is_a_corpus() -> None:
    assert len(inputs("text")) >= 20
    assert len(inputs("json")) >= 20
