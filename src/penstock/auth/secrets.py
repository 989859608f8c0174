"""Secrets at rest: AES-256-GCM under a key file that only the server's user can read."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from penstock.model.datadir import DataDir
from penstock.model.durable import create_durable

_KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"


class SecretsUnreadable(Exception):
    """The key file, or what was sealed under it, cannot be used; the sentence says what to do."""


class SecretBox:
    """Seals and opens. Sealed: a version byte, a nonce, the ciphertext with its tag. Each is bound to a name, so that
    one row's secret cannot be moved to another. Shows nothing of its key."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cipher = AESGCM(_read_key(path)) if path.exists() else None

    @classmethod
    def of(cls, data: DataDir) -> Self:
        """The box of a data directory. Raises SecretsUnreadable when others can reach its key file (it may have leaked,
        so it is not quietly repaired) or what is in it is no key. A missing one is made when the first secret is
        sealed."""
        return cls(data.secret_key)

    def seal(self, secret: str, bound_to: str) -> bytes:
        """Raises OSError when the key file cannot be made."""
        if self._cipher is None:
            key = AESGCM.generate_key(_KEY_BYTES * 8)
            create_durable(self._path, base64.urlsafe_b64encode(key) + b"\n", mode=0o600)
            self._cipher = AESGCM(_read_key(self._path))  # another process may have been first
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret.encode(), bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> str:
        """Raises SecretsUnreadable."""
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _VERSION or len(nonce) != _NONCE_BYTES:
            raise SecretsUnreadable(f"the stored secret of {bound_to!r} has an unknown form: it needs a newer Penstock")
        if self._cipher is None:
            self._cipher = AESGCM(_read_key(self._path))  # made by another process since
        try:
            return self._cipher.decrypt(nonce, ciphertext, bound_to.encode()).decode()
        except InvalidTag:
            raise SecretsUnreadable(
                f"the stored secret of {bound_to!r} does not open with {self._path}: put back the file that belongs "
                "to this catalog, from the same backup"
            ) from None


def _read_key(path: Path) -> bytes:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        raise SecretsUnreadable(
            f"{path} is missing, and without it no stored secret can be read: put it back from the backup"
        ) from None
    if mode & 0o077:
        raise SecretsUnreadable(
            f"{path} can be read by others (mode {mode:04o}): "
            f"make sure that nobody has taken it, then run `chmod 600 {path}`"
        )
    try:
        key = base64.b64decode(path.read_bytes().strip(), altchars=b"-_", validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise SecretsUnreadable(f"{path} does not hold a key: restore it from a backup")
    return key
