"""Every kept input of the frame fuzzer passes its check."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.frame_checks import check_frames

INPUTS = sorted((Path(__file__).parent / "corpus" / "frames").iterdir())


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_frames(path: Path) -> None:
    check_frames(path.read_bytes())


def test_there_is_a_corpus() -> None:
    assert len(INPUTS) >= 20
