"""What a backup holds: `manifest.json`, written last. A folder without one is no backup."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

NAME = "manifest.json"
VERSION = 1
_CHUNK = 1 << 20


class BackupRefused(Exception):
    """A backup cannot be made, or used; the message says why."""


class BackupFile(msgspec.Struct, frozen=True):
    """One file: its path below the backup, its size in bytes, its SHA-256 in hex."""

    path: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`format` is the data directory's; `cut_at` the moment (RFC 3339, UTC) that the backup shows."""

    version: int = VERSION
    format: int
    penstock: str
    cut_at: str
    buckets: bool
    files: list[BackupFile]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def read_manifest(folder: Path) -> Manifest:
    """Raises BackupRefused when the folder is no (finished) backup that this program can read."""
    try:
        manifest = msgspec.json.decode((folder / NAME).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BackupRefused(f"{folder} is no backup, or one that was not finished: it has no {NAME}") from None
    except msgspec.DecodeError as error:
        raise BackupRefused(f"{folder / NAME} cannot be read: {error}") from None
    if manifest.version > VERSION:
        raise BackupRefused(f"{folder} was made by a newer Penstock ({manifest.penstock}): restore it with that one")
    return manifest


def checksum(path: Path) -> BackupFile:
    """Size and checksum of a file; `path` of the result is its name alone."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return BackupFile(path.name, size, digest.hexdigest())
