"""A bucket that is a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, cast

from penstock.connect.disk_file import DiskFile
from penstock.log.files import disk, make_folders
from penstock.model.crashpoint import crashpoint

TEMP_FOLDER = ".penstock-temp"
"""Unfinished files lie here, in the bucket's own file system so that a rename can publish them. No key starts with a
dot."""


class LocalBucket:
    """Files below `root`, made at first use. A key never leads outside of it, not even over a symbolic link."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def create(self, key: str) -> LocalUpload:
        target = self._path(key)
        temp = self._root / TEMP_FOLDER / hashlib.sha256(key.encode()).hexdigest()[:32]
        return LocalUpload(temp, target)

    def delete(self, key: str) -> None:
        target = self._path(key)
        disk().unlink(target)
        if target.parent.is_dir():
            disk().sync_folder(target.parent)

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def size(self, key: str) -> int:
        return self._path(key).stat().st_size

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if not all(parts) or any(part.startswith(".") or "\0" in part for part in parts):
            raise OSError(f"the key {key[:200]!r} cannot be a path below {self._root}")
        target = self._root.joinpath(*parts)
        if not target.parent.resolve().is_relative_to(self._root.resolve()):
            raise OSError(f"the key {key[:200]!r} leads out of {self._root} over a symbolic link")
        return target


class LocalUpload:
    """A temporary file that a rename publishes. Its name follows from the key, so that a repeat takes it over."""

    def __init__(self, temp: Path, target: Path) -> None:
        self._temp = temp
        self._target = target
        make_folders(temp.parent)
        self._file = DiskFile(temp)

    @property
    def file(self) -> BinaryIO:
        return cast(BinaryIO, self._file)

    def publish(self) -> None:
        self._file.sync()
        self._file.close()
        crashpoint("export.file.synced")
        make_folders(self._target.parent)
        crashpoint("export.folder.made")
        disk().rename(self._temp, self._target)
        crashpoint("export.file.renamed")
        disk().sync_folder(self._target.parent)

    def discard(self) -> None:
        self._file.close()
        disk().unlink(self._temp)
