"""Buckets (空间): where an owner's files go. Names are resolved here and nowhere else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, Protocol

import structlog

from penstock.catalog import buckets as bucket_owners
from penstock.connect.settings import BucketMapping, BucketSettings
from penstock.model.datadir import DataDir
from penstock.model.errors import Kind, Problem

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = structlog.stdlib.get_logger()

_NAME = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*")
_VENDOR_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{3,62}")


class Upload(Protocol):
    """A file on its way into a bucket: write to `file`, then `publish` or `discard`."""

    @property
    def file(self) -> BinaryIO: ...

    def publish(self) -> None:
        """Make it appear under its key, whole and durable, replacing what was there."""

    def discard(self) -> None:
        """Leave nothing behind. Harmless after `publish`."""


class Bucket(Protocol):
    """A place for files by key. Every method raises OSError when the place is out of order."""

    def create(self, key: str) -> Upload: ...

    def delete(self, key: str) -> None:
        """Remove the file; it may be gone already."""

    def exists(self, key: str) -> bool: ...

    def size(self, key: str) -> int: ...


def is_bucket(name: str) -> bool:
    """True for a name that can be a folder of its own below another: not empty, at most 255 bytes, no leading dot, no
    slash, backslash or control character."""
    try:
        return _NAME.fullmatch(name) is not None and len(name.encode()) <= 255
    except UnicodeEncodeError:
        return False


def is_vendor_name(name: str) -> bool:
    """True for what the vendor would accept: 4 to 63 lower-case letters, digits, dashes or underscores. Other names
    work here; the first use of one is logged as a warning."""
    return _VENDOR_NAME.fullmatch(name) is not None


class Buckets:
    """Every bucket there is, by owner and name."""

    def __init__(self, data: DataDir, settings: BucketSettings) -> None:
        self._data = data
        self._settings = settings

    def claim(self, catalog: Connection, owner: str, name: str) -> None:
        """Note that `owner` uses the bucket; raises Problem (BUCKET_MISSING) when it is another's, or when only
        configured names are allowed."""
        if self._mapping(owner, name) is not None:
            return
        if self._settings.strict:
            raise Problem(Kind.BUCKET_MISSING, f"no bucket {name[:80]!r} is configured here (buckets.strict is on)")
        if not bucket_owners.claim(catalog, owner, name):
            raise Problem(Kind.BUCKET_MISSING, f"the bucket {name[:80]!r} is not yours: choose another name")
        if not is_vendor_name(name):
            log.warning("bucket name is not legal at the vendor", owner=owner, bucket=name)

    def open(self, owner: str, name: str) -> Bucket:
        """The bucket; makes nothing yet. Raises Problem (BUCKET_MISSING) as `claim` does for configured names."""
        from penstock.connect.local_bucket import LocalBucket

        mapping = self._mapping(owner, name)
        if mapping is None:
            if self._settings.strict or not is_bucket(name):
                raise Problem(Kind.BUCKET_MISSING, f"no bucket {name[:80]!r} is configured here")
            return LocalBucket(self._data.buckets / name)
        if mapping.path:
            return LocalBucket(self._data.root / mapping.path)  # an absolute path stays as it is
        from penstock.connect.s3_bucket import S3Bucket

        return S3Bucket(mapping, self._data.flows / "spool")

    def _mapping(self, owner: str, name: str) -> BucketMapping | None:
        mapped = self._settings.map
        return mapped.get(f"{owner}/{name}") or mapped.get(name)
