"""A bucket of an S3-compatible store."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from penstock.connect.disk_file import DiskFile
from penstock.connect.settings import BucketMapping
from penstock.log.files import disk, make_folders
from penstock.model.crashpoint import crashpoint

_CLIENT = {"timeout": timedelta(seconds=120), "connect_timeout": timedelta(seconds=10)}
_RETRIES = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
"""Short: the flow itself retries, with its state shown."""


class S3Bucket:
    """Objects of one bucket. Files are gathered in `spool` first: an object appears whole or not at all."""

    def __init__(self, mapping: BucketMapping, spool: Path) -> None:
        options: dict[str, Any] = {
            "region": mapping.region,
            "virtual_hosted_style_request": mapping.virtual_hosted,
        }
        if mapping.endpoint:
            options["endpoint"] = mapping.endpoint
        if mapping.access_key:
            options |= {"access_key_id": mapping.access_key, "secret_access_key": mapping.secret_key}
        self._store = S3Store(
            mapping.bucket,
            prefix=mapping.prefix or None,
            client_options={**_CLIENT, "allow_http": mapping.allow_http},
            retry_config=_RETRIES,
            **options,
        )
        self._spool = spool
        self._place = f"{mapping.endpoint}/{mapping.bucket}/{mapping.prefix}"

    def create(self, key: str) -> S3Upload:
        name = hashlib.sha256(f"{self._place}\0{key}".encode()).hexdigest()[:32]
        return S3Upload(self._store, self._spool / name, key)

    def delete(self, key: str) -> None:
        try:
            obstore.delete(self._store, key)
        except (FileNotFoundError, NotFoundError):
            return
        except BaseError as error:
            raise _as_os_error(error) from error

    def exists(self, key: str) -> bool:
        try:
            obstore.head(self._store, key)
        except (FileNotFoundError, NotFoundError):
            return False
        except BaseError as error:
            raise _as_os_error(error) from error
        return True

    def size(self, key: str) -> int:
        try:
            return int(obstore.head(self._store, key)["size"])
        except BaseError as error:
            raise _as_os_error(error) from error


class S3Upload:
    """A spooled file that one put, or one multipart upload, publishes; the same key again replaces it."""

    def __init__(self, store: S3Store, spool: Path, key: str) -> None:
        self._store = store
        self._spool = spool
        self._key = key
        make_folders(spool.parent)
        self._file = DiskFile(spool)

    @property
    def file(self) -> BinaryIO:
        return cast(BinaryIO, self._file)

    def publish(self) -> None:
        self._file.close()
        try:
            obstore.put(self._store, self._key, self._spool)
        except BaseError as error:
            raise _as_os_error(error) from error
        crashpoint("export.object.put")
        disk().unlink(self._spool)

    def discard(self) -> None:
        self._file.close()
        disk().unlink(self._spool)


def _as_os_error(error: Exception) -> OSError:
    """The first lines of the store's answer; obstore's own text goes on with its whole configuration."""
    return OSError(" ".join(str(error).split("\n\n")[0].split())[:500])
