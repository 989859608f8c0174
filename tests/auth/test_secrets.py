"""Secrets at rest."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.auth.secrets import SecretBox, SecretsUnreadable
from penstock.model.datadir import DataDir

BOX = SecretBox(bytes(range(32)))


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path)


def test_the_key_file_is_the_users_alone_whatever_the_umask(data: DataDir) -> None:
    before = os.umask(0)
    try:
        SecretBox.of(data)
    finally:
        os.umask(before)
    assert stat.S_IMODE(data.secret_key.stat().st_mode) == 0o600
    assert [p.name for p in data.root.iterdir()] == [data.secret_key.name]


def test_the_key_stays(data: DataDir) -> None:
    sealed = SecretBox.of(data).seal("s", "ak")
    assert SecretBox.of(data).open(sealed, "ak") == "s"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666])
def test_a_key_file_that_others_reach_is_refused_with_the_remedy(data: DataDir, mode: int) -> None:
    SecretBox.of(data)
    data.secret_key.chmod(mode)
    with pytest.raises(SecretsUnreadable, match="chmod 600"):
        SecretBox.of(data)
    data.secret_key.chmod(0o600)
    SecretBox.of(data)


@pytest.mark.parametrize("content", [b"", b"short", b"!" * 44, b"A" * 40, b"\xff" * 44])
def test_a_file_without_a_key_is_refused(data: DataDir, content: bytes) -> None:
    data.secret_key.write_bytes(content)
    data.secret_key.chmod(0o600)
    with pytest.raises(SecretsUnreadable, match="does not hold a key"):
        SecretBox.of(data)


@given(st.text(max_size=50), st.text(max_size=20))
def test_what_is_sealed_opens(secret: str, name: str) -> None:
    secret, name = (text.encode("utf-8", "replace").decode() for text in (secret, name))
    sealed = BOX.seal(secret, name)
    assert BOX.open(sealed, name) == secret
    assert BOX.seal(secret, name) != sealed
    if len(secret) > 3:
        assert secret.encode() not in sealed


@given(st.integers(min_value=0), st.integers(1, 255))
def test_a_changed_byte_does_not_open(position: int, flip: int) -> None:
    sealed = bytearray(BOX.seal("secret", "ak"))
    sealed[position % len(sealed)] ^= flip
    with pytest.raises(SecretsUnreadable):
        BOX.open(bytes(sealed), "ak")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + b"n" * 12, b"\x02" + b"n" * 40])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SecretsUnreadable):
        BOX.open(sealed, "ak")


def test_a_secret_cannot_be_moved_to_another_key() -> None:
    with pytest.raises(SecretsUnreadable, match="'other'"):
        BOX.open(BOX.seal("secret", "ak"), "other")


def test_another_key_file_does_not_open_it() -> None:
    with pytest.raises(SecretsUnreadable, match="same backup"):
        SecretBox(bytes(32)).open(BOX.seal("secret", "ak"), "ak")
