"""What can go wrong, in the core's own words.

A `Problem` is raised anywhere below the faces; each face has one table from `Kind` to its own status and code.

    Problem
    ├── BadRecords      a body was refused; names the offending records
    └── Overloaded      send again after a while (budget of bytes, disk reserve)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """One word per thing that can be wrong; the text after it says where it is used."""

    # the request itself
    LENGTH_MISSING = "length missing"
    LENGTH_INVALID = "length invalid"
    BODY_TOO_LARGE = "body too large"
    BODY_EMPTY = "body empty"
    BODY_MALFORMED = "body malformed"
    GZIP_UNREADABLE = "gzip unreadable"
    TAGS_UNREADABLE = "tags unreadable"
    ROUTE_MISSING = "route missing"
    METHOD_NOT_ALLOWED = "method not allowed"
    PARAMETER_INVALID = "parameter invalid"
    # who asks
    UNAUTHENTICATED = "unauthenticated"
    OWNER_UNKNOWN = "owner unknown"
    ACCESS_DENIED = "access denied"
    # repos
    REPO_EXISTS = "repo exists"
    REPO_MISSING = "repo missing"
    REPO_NAME = "repo name invalid"
    REPO_IN_USE = "repo has transforms or exports"
    REPO_DERIVED = "repo is the target of a transform"
    REPO_NOT_POSTABLE = "a transform's target takes no posts"
    REPO_QUOTA = "too many repos"
    REPO_DESCRIPTION = "repo description invalid"
    REGION_MISMATCH = "region not served here"
    SCHEMA_EMPTY = "schema empty"
    SCHEMA_INVALID = "schema invalid"
    SCHEMA_INCOMPATIBLE = "schema may only grow"
    SCHEMA_TOO_MANY_FIELDS = "too many schema fields"
    FIELD_NAME = "field name invalid"
    FIELD_TYPE = "field type not supported"
    FIELD_DESCRIPTION = "field description invalid"
    # records
    FIELD_UNKNOWN = "field not in schema"
    VALUE_INVALID = "value does not fit its field"
    REQUIRED_MISSING = "required field missing"
    # exports
    EXPORT_EXISTS = "export exists"
    EXPORT_MISSING = "export missing"
    EXPORT_NAME = "export name invalid"
    EXPORT_TYPE = "export type invalid"
    EXPORT_INVALID = "export invalid"
    EXPORT_SOURCE_MISSING = "source field not in repo"
    EXPORT_SOURCE_EMPTY = "source field empty"
    EXPORT_DESTINATION_NAME = "destination field invalid"
    EXPORT_DESTINATION_EMPTY = "destination field empty"
    EXPORT_PREFIX = "key prefix invalid"
    EXPORT_DELIMITER = "csv delimiter missing"
    EXPORT_ROTATE_SIZE = "rotate size too big"
    BUCKET_MISSING = "no such bucket"
    # the server
    OVERLOADED = "overloaded"
    DISK_FULL = "disk reserve reached"
    INTERNAL = "internal error"


class Problem(Exception):
    """Something is wrong: what (`kind`), and a sentence that says where and what to do."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.kind, self.message))


@dataclass(frozen=True, slots=True)
class BadRecord:
    """One refused record: its place in the body (0-based), the field, the value cut short, and why."""

    index: int
    field: str
    value: str
    reason: str
    kind: Kind


class BadRecords(Problem):
    """A body refused whole. `records` names at most 20 of the `total` offending ones."""

    SHOWN = 20

    def __init__(self, records: list[BadRecord], total: int) -> None:
        assert records and total >= len(records)
        first = records[0]
        shown = "; ".join(
            f"record {r.index}, field {r.field!r}: {r.reason}" + (f" (value {r.value!r})" if r.value else "")
            for r in records
        )
        noun = "record" if total == 1 else "records"
        super().__init__(first.kind, f"{total} {noun} refused, nothing stored: {shown}")
        self.records = records
        self.total = total

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.records, self.total))


class Overloaded(Problem):
    """Nothing is wrong with the request: send it again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 1, kind: Kind = Kind.OVERLOADED) -> None:
        super().__init__(kind, message)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.message, self.retry_after, self.kind))
