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

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def of(cls, data: DataDir) -> Self:
        """The box of a data directory; its key file is made at first use. Raises SecretsUnreadable when others can read
        the file (it may have leaked, so it is not quietly repaired) or its content is no key."""
        if not data.secret_key.exists():
            key = AESGCM.generate_key(_KEY_BYTES * 8)
            create_durable(data.secret_key, base64.urlsafe_b64encode(key) + b"\n", mode=0o600)
        return cls(_read_key(data.secret_key))

    def seal(self, secret: str, bound_to: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret.encode(), bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> str:
        """Raises SecretsUnreadable."""
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _VERSION or len(nonce) != _NONCE_BYTES:
            raise SecretsUnreadable(f"the stored secret of {bound_to!r} has an unknown form: it needs a newer Penstock")
        try:
            return self._cipher.decrypt(nonce, ciphertext, bound_to.encode()).decode()
        except InvalidTag:
            raise SecretsUnreadable(
                f"the stored secret of {bound_to!r} does not open with this secret.key: put back the file that belongs "
                "to this catalog, from the same backup"
            ) from None


def _read_key(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
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
