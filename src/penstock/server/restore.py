"""`penstock restore`: a data directory from a backup, every file checked on the way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from penstock.catalog.format import FORMAT
from penstock.model.crashpoint import crashpoint
from penstock.model.datadir import DataDir
from penstock.model.durable import sync_folder
from penstock.server.backup import require_empty
from penstock.server.manifest import BackupFile, BackupRefused, Manifest, read_manifest

_CHUNK = 1 << 20


def restore(source: Path, target: Path) -> Manifest:
    """Copy the backup at `source` to `target`, an empty or new folder. The mark that makes it a data directory (FORMAT)
    comes last, and the catalog, without the mark a sign of trouble, first: what was not finished does not start. Raises
    BackupRefused, OSError."""
    manifest = read_manifest(source)
    if manifest.format > FORMAT:
        raise BackupRefused(
            f"{source} has format {manifest.format}, this program knows formats up to {FORMAT}: "
            f"restore it with Penstock {manifest.penstock} or newer"
        )
    require_empty(target)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark, catalog = DataDir(target).format.name, DataDir(target).catalog.name
    if mark not in {file.path for file in manifest.files}:
        raise BackupRefused(f"{source}: the manifest names no {mark}: it is damaged")
    for file in sorted(manifest.files, key=lambda file: (file.path == mark, file.path != catalog)):
        if file.path == mark:
            _sync_folders(target)
        _copy(source, target, file)
        crashpoint("restore.file.copied")
    sync_folder(target)
    return manifest


def _copy(source: Path, target: Path, file: BackupFile) -> None:
    """Raises BackupRefused when the content is not what the manifest says."""
    path = Path(file.path)
    if path.is_absolute() or ".." in path.parts:
        raise BackupRefused(f"the manifest names {file.path!r}, which is outside the backup")
    copy = target / path
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    fd = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb", buffering=0) as out:
        for chunk in _chunks(source / path):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
        os.fsync(out.fileno())
    if (size, digest.hexdigest()) != (file.size, file.sha256):
        raise BackupRefused(f"{source / path} is damaged: its content is not what the manifest says")


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except FileNotFoundError:
        raise BackupRefused(f"{path} is missing from the backup") from None


def _sync_folders(root: Path) -> None:
    for folder, _, _ in os.walk(root, topdown=False):
        sync_folder(Path(folder))
