"""Where buckets lie."""

from __future__ import annotations

import msgspec


class BucketMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bucket's place: a folder (`path`), or a bucket of an S3-compatible store (`bucket` and what follows)."""

    path: str = ""
    """Folder that holds the bucket's files; made when missing. Excludes every other key."""
    bucket: str = ""
    """Name of the bucket at the store."""
    prefix: str = ""
    """Put before every key at the store, such as `penstock/`."""
    endpoint: str = ""
    """The store's address, such as https://s3.example.com; empty: Amazon's for the region."""
    region: str = "us-east-1"
    """The store's region."""
    access_key: str = ""
    """Access key of the store; empty with `secret_key`: from the machine's role or the AWS_* environment."""
    secret_key: str = ""
    """Secret of `access_key`."""
    allow_http: bool = False
    """Allow an endpoint without TLS."""
    virtual_hosted: bool = False
    """Name the bucket in the host (bucket.endpoint) instead of the path."""

    def __post_init__(self) -> None:
        if bool(self.path) == bool(self.bucket):
            raise ValueError("a bucket is mapped either to a folder (path) or to a store's bucket (bucket), not both")
        if bool(self.access_key) != bool(self.secret_key):
            raise ValueError("access_key and secret_key must be given together")
        if self.endpoint.startswith("http://") and not self.allow_http:
            raise ValueError(f"endpoint {self.endpoint!r} has no TLS: set allow_http = true if that is meant")


class BucketSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The buckets that exports write to. A name that is not mapped is the folder `<data-dir>/buckets/<name>`, made at
    its first use and from then on reserved for the owner who used it first."""

    strict: bool = False
    """Refuse names that `map` lacks."""
    map: dict[str, BucketMapping] = {}
    """`name`: the bucket of that name for every owner; `owner/name`: for that owner alone, before `name`."""
