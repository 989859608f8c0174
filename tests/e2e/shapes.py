"""What replies look like (wire notes sections 2.1, 2.2, 2.5): unknown keys are ignored, absent ones refused."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field


class Entry(Struct):
    key: str
    valtype: str
    required: bool
    elemtype: str | UnsetType = UNSET
    schema: list[Entry] | UnsetType = UNSET
    description: str | UnsetType | None = UNSET


class Options(Struct):
    with_ip: str = field(name="withIP")
    with_timestamp: str = field(name="withTimestamp")
    unescape_line: bool = field(name="unescapeLine")


class Repo(Struct, rename="camel"):
    region: str
    schema: list[Entry]
    group: str
    options: Options
    derived_from: str
    from_dag: bool
    workflow: str
    rule_names: list[str] | None
    description: str | None


class RepoLine(Struct, rename="camel"):
    name: str
    region: str
    group: str
    derived_from: str
    from_dag: bool
    workflow: str
    rule_names: list[str] | None
    description: str | None
    perms: list[str]


class Repos(Struct):
    repos: list[RepoLine]


class Exist(Struct):
    exist: bool


class Sample(Struct):
    records: list[dict[str, Any]]


class KodoSpec(Struct, rename="camel"):
    """The keys whose types logkit asserts before it updates an export."""

    bucket: str
    fields: dict[str, str]
    access_key: str
    retention: int
    compress: bool
    email: str
    format: str
    key_prefix: str


class KodoLine(Struct):
    name: str
    type: str
    spec: KodoSpec
    whence: str
    workflow: str


class Exports(Struct):
    exports: list[KodoLine]


Done = dict[str, Any]
"""A call that returns no data: some JSON object, `{}` as a rule."""
