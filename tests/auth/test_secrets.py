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


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> SecretBox:
    return SecretBox(tmp_path_factory.mktemp("box") / "secret.key")


def test_the_key_file_is_the_users_alone_whatever_the_umask(data: DataDir) -> None:
    before = os.umask(0)
    try:
        SecretBox.of(data).seal("s", "ak")
    finally:
        os.umask(before)
    assert stat.S_IMODE(data.secret_key.stat().st_mode) == 0o600
    assert [p.name for p in data.root.iterdir()] == [data.secret_key.name]


def test_the_key_stays_and_is_one_for_all(data: DataDir) -> None:
    one, other = SecretBox.of(data), SecretBox.of(data)  # both before there is a key
    sealed = one.seal("s", "ak")
    assert other.open(sealed, "ak") == "s"
    assert one.open(other.seal("t", "ak"), "ak") == "t"
    assert SecretBox.of(data).open(sealed, "ak") == "s"


def test_two_who_seal_first_agree_on_one_key(data: DataDir) -> None:
    one, other = SecretBox.of(data), SecretBox.of(data)
    sealed = one.seal("s", "ak"), other.seal("t", "ak")
    assert [SecretBox.of(data).open(s, "ak") for s in sealed] == ["s", "t"]


def test_a_missing_key_file_is_not_made_anew_to_read_with(data: DataDir) -> None:
    sealed = SecretBox.of(data).seal("s", "ak")
    data.secret_key.unlink()
    with pytest.raises(SecretsUnreadable, match="is missing"):
        SecretBox.of(data).open(sealed, "ak")
    assert not data.secret_key.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666])
def test_a_key_file_that_others_reach_is_refused_with_the_remedy(data: DataDir, mode: int) -> None:
    SecretBox.of(data).seal("s", "ak")
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
def test_what_is_sealed_opens(box: SecretBox, secret: str, name: str) -> None:
    secret, name = (text.encode("utf-8", "replace").decode() for text in (secret, name))
    sealed = box.seal(secret, name)
    assert box.open(sealed, name) == secret
    assert box.seal(secret, name) != sealed
    if len(secret) > 3:
        assert secret.encode() not in sealed


@given(st.integers(min_value=0), st.integers(1, 255))
def test_a_changed_byte_does_not_open(box: SecretBox, position: int, flip: int) -> None:
    sealed = bytearray(box.seal("secret", "ak"))
    sealed[position % len(sealed)] ^= flip
    with pytest.raises(SecretsUnreadable):
        box.open(bytes(sealed), "ak")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + b"n" * 12, b"\x02" + b"n" * 40])
def test_what_was_never_sealed_does_not_open(box: SecretBox, sealed: bytes) -> None:
    with pytest.raises(SecretsUnreadable):
        box.open(sealed, "ak")


def test_a_secret_cannot_be_moved_to_another_key(box: SecretBox) -> None:
    with pytest.raises(SecretsUnreadable, match="'other'"):
        box.open(box.seal("secret", "ak"), "other")


def test_another_key_file_does_not_open_it(box: SecretBox, data: DataDir) -> None:
    other = SecretBox.of(data)
    other.seal("x", "ak")
    with pytest.raises(SecretsUnreadable, match="same backup"):
        other.open(box.seal("secret", "ak"), "ak")
