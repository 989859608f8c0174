"""Small durable files: whole or not at all, the right mode, nothing left behind."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from penstock.model import durable
from penstock.model.durable import create_durable, write_durable


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "mark"
    write_durable(path, b"one")
    write_durable(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_umask_does_not_widen_or_narrow_the_mode(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_durable(tmp_path / "secret", b"x", mode=0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_create_never_replaces(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert create_durable(path, b"first", mode=0o600)
    assert not create_durable(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_synced_before_it_is_renamed_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mark"
    seen: list[tuple[str, bool]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        seen.append((kind, path.exists()))
        real(descriptor)

    monkeypatch.setattr(durable.os, "fsync", fsync)
    write_durable(path, b"x")
    assert seen == [("file", False), ("folder", True)]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mark"
    write_durable(path, b"old")

    def fsync(_: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(durable.os, "fsync", fsync)
    with pytest.raises(OSError, match="no space"):
        write_durable(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
