"""A message queue's definition (消息队列, seed 003)."""

from __future__ import annotations

import msgspec

from penstock.model.schema import Field, Schema, ValType


class RepoOptions(msgspec.Struct, frozen=True, rename="camel", omit_defaults=False):
    """`withIP` / `withTimestamp` name fields that the server fills; an empty name is off. `unescapeLine` turns the two
    characters backslash-t and backslash-n of text values into TAB and LF."""

    with_ip: str = msgspec.field(name="withIP", default="")
    with_timestamp: str = msgspec.field(name="withTimestamp", default="")
    unescape_line: bool = msgspec.field(name="unescapeLine", default=False)

    def server_fields(self) -> tuple[Field, ...]:
        """The fields that the server adds to the schema and fills."""
        fields: list[Field] = []
        if self.with_ip:
            fields.append(Field(self.with_ip, ValType.STRING))
        if self.with_timestamp:
            fields.append(Field(self.with_timestamp, ValType.DATE))
        return tuple(fields)


class QueueId(msgspec.Struct, frozen=True, order=True):
    """Which log: a repo's life from one creation to its deletion. The incarnation is never used twice."""

    owner: str
    repo: str
    incarnation: int

    def __str__(self) -> str:
        return f"{self.owner}/{self.repo}-{self.incarnation}"


class Repo(msgspec.Struct, frozen=True, kw_only=True):
    """A repo as the catalog holds it. `schema` includes the server-filled fields."""

    owner: str
    name: str
    incarnation: int
    region: str
    schema: Schema
    options: RepoOptions = RepoOptions()
    filled_before: tuple[str, ...] = ()
    """Fields that the server filled by earlier options: they stay, and clients that never declared them need not."""
    group: str = ""
    workflow: str = ""
    rule_names: tuple[str, ...] = ()
    description: str | None = None
    derived_from: str = ""
    created_at_us: int = 0
    updated_at_us: int = 0

    @property
    def queue(self) -> QueueId:
        return QueueId(self.owner, self.name, self.incarnation)

    @property
    def post_schema(self) -> Schema:
        """What posts are held to: the schema, but a field that the server fills is required of nobody."""
        filled = {f.key for f in self.options.server_fields()}
        if not any(f.required and f.key in filled for f in self.schema.fields):
            return self.schema
        return Schema(
            tuple(msgspec.structs.replace(f, required=f.required and f.key not in filled) for f in self.schema.fields)
        )
