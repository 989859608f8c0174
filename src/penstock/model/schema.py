"""The schema of a message queue (消息队列的字段信息, seed 003): fields, types, parsing, growth, Arrow types."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.model.errors import Kind, Problem
from penstock.model.limits import Limits
from penstock.model.names import NAME_RULE, is_name

if TYPE_CHECKING:
    import pyarrow as pa


class ValType(StrEnum):
    """Type of a field (字段类型). `ip` is not in the seed but in the vendor's SDKs; it holds an address as text."""

    BOOLEAN = "boolean"
    LONG = "long"
    DATE = "date"
    FLOAT = "float"
    STRING = "string"
    ARRAY = "array"
    MAP = "map"
    JSONSTRING = "jsonstring"
    IP = "ip"


class ElemType(StrEnum):
    """Type of an array's elements (数组类型). `boolean` is what schema-free clients infer."""

    LONG = "long"
    FLOAT = "float"
    STRING = "string"
    BOOLEAN = "boolean"


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field (schema entry). `elemtype` is set for arrays only, `schema` for maps only."""

    key: str
    valtype: ValType
    elemtype: ElemType | None = None
    required: bool = False
    schema: tuple[Field, ...] = ()
    description: str | None = None


class Schema(msgspec.Struct, frozen=True):
    """The fields of a repo, in the order in which they were declared. Hashable: decoders are cached by it."""

    fields: tuple[Field, ...]

    def get(self, key: str) -> Field | None:
        """The top-level field of that name."""
        return next((f for f in self.fields if f.key == key), None)

    def keys(self) -> list[str]:
        return [f.key for f in self.fields]

    def arrow(self) -> pa.Schema:
        """The Arrow schema of a batch: every column nullable, since `required` binds posts, not storage."""
        return _arrow_schema(self)

    def with_field(self, field: Field) -> Schema:
        """This schema with one more field, or unchanged when the key is there already."""
        return self if self.get(field.key) else Schema((*self.fields, field))


def parse_schema(raw: object, limits: Limits) -> Schema:
    """A client's `schema` array as a `Schema`; raises `Problem` naming the entry by its path. Unknown keys are ignored
    (clients send several)."""
    if raw is None or raw == []:
        raise Problem(Kind.SCHEMA_EMPTY, "schema is empty: give at least one field")
    return require_field_count(Schema(_parse_fields(raw, "schema", 1, limits)), limits)


def require_field_count(schema: Schema, limits: Limits) -> Schema:
    """The schema itself, or `Problem` when it has too many fields."""
    count = sum(_count(f) for f in schema.fields)
    if count > limits.schema_fields:
        raise Problem(
            Kind.SCHEMA_TOO_MANY_FIELDS,
            f"schema has {count} fields, nested ones and those that the server fills counted; "
            f"at most {limits.schema_fields} are allowed",
        )
    return schema


def grow(old: Schema, new: Schema) -> Schema:
    """`new` laid over `old`: old order kept, added fields last, at any depth. A removed field or a changed type is
    refused; `required` and `description` may change and hold from then on."""
    return Schema(_grow(old.fields, new.fields, ""))


def _parse_fields(raw: object, path: str, level: int, limits: Limits) -> tuple[Field, ...]:
    if not isinstance(raw, list):
        raise Problem(Kind.SCHEMA_INVALID, f"{path} must be an array of fields")
    fields: list[Field] = []
    seen: set[str] = set()
    for i, entry in enumerate(raw):
        where = f"{path}[{i}]"
        if not isinstance(entry, dict):
            raise Problem(Kind.SCHEMA_INVALID, f"{where} must be an object with key and valtype")
        field = _parse_field(entry, where, level, limits)
        if field.key in seen:
            raise Problem(Kind.SCHEMA_INVALID, f"{where}: field {field.key!r} is declared twice")
        seen.add(field.key)
        fields.append(field)
    return tuple(fields)


def _parse_field(entry: dict[str, Any], where: str, level: int, limits: Limits) -> Field:
    key = entry.get("key")
    if not isinstance(key, str) or not is_name(key):
        raise Problem(Kind.FIELD_NAME, f"{where}.key {str(key)[:140]!r} is not a legal name: it must match {NAME_RULE}")
    where = f"{where} ({key})"
    try:
        valtype = ValType(str(entry.get("valtype")))
    except ValueError:
        raise Problem(
            Kind.FIELD_TYPE, f"{where}.valtype {entry.get('valtype')!r} is not one of {', '.join(ValType)}"
        ) from None
    required = entry.get("required")
    if required is not None and not isinstance(required, bool):
        raise Problem(Kind.SCHEMA_INVALID, f"{where}.required must be true or false")
    description = entry.get("description")
    if description is not None and (not isinstance(description, str) or len(description) > limits.description_chars):
        raise Problem(
            Kind.FIELD_DESCRIPTION,
            f"{where}.description must be a string of at most {limits.description_chars} characters",
        )
    elemtype: ElemType | None = None
    if valtype is ValType.ARRAY:
        try:
            elemtype = ElemType(str(entry.get("elemtype")))
        except ValueError:
            raise Problem(
                Kind.FIELD_TYPE,
                f"{where}.elemtype {entry.get('elemtype')!r}: an array needs one of {', '.join(ElemType)}",
            ) from None
    inner: tuple[Field, ...] = ()
    if valtype is ValType.MAP:
        if level > limits.map_depth:
            raise Problem(Kind.SCHEMA_INVALID, f"{where}: maps nest at most {limits.map_depth} levels deep")
        if not entry.get("schema"):
            raise Problem(Kind.SCHEMA_EMPTY, f"{where}.schema is empty: a map needs at least one field")
        inner = _parse_fields(entry["schema"], f"{where}.schema", level + 1, limits)
    return Field(key, valtype, elemtype, bool(required), inner, description or None)


def _grow(old: tuple[Field, ...], new: tuple[Field, ...], path: str) -> tuple[Field, ...]:
    by_key = {f.key: f for f in new}
    grown: list[Field] = []
    for before in old:
        after = by_key.pop(before.key, None)
        if after is None:
            raise Problem(
                Kind.SCHEMA_INCOMPATIBLE,
                f"field {path}{before.key!r} is missing: fields can be added, never removed; send the full schema",
            )
        if (after.valtype, after.elemtype) != (before.valtype, before.elemtype):
            raise Problem(
                Kind.SCHEMA_INCOMPATIBLE,
                f"field {path}{before.key!r} is {_type_name(before)} and cannot become {_type_name(after)}",
            )
        inner = _grow(before.schema, after.schema, f"{path}{before.key}.") if before.schema else ()
        grown.append(msgspec.structs.replace(after, schema=inner))
    grown.extend(by_key.values())
    return tuple(grown)


def _type_name(field: Field) -> str:
    return f"array of {field.elemtype}" if field.elemtype else str(field.valtype)


def _count(field: Field) -> int:
    return 1 + sum(_count(f) for f in field.schema)


@lru_cache(maxsize=1024)
def _arrow_schema(schema: Schema) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([arrow_field(f) for f in schema.fields])


def arrow_field(field: Field) -> pa.Field:
    """The Arrow field: long int64, float float64, date timestamp[us, UTC], map struct, array list, and text for string,
    jsonstring and ip, told apart by the metadata `valtype`."""
    import pyarrow as pa

    scalars = {
        ValType.BOOLEAN: pa.bool_(),
        ValType.LONG: pa.int64(),
        ValType.FLOAT: pa.float64(),
        ValType.DATE: pa.timestamp("us", tz="UTC"),
        ValType.STRING: pa.string(),
        ValType.JSONSTRING: pa.string(),
        ValType.IP: pa.string(),
    }
    if field.valtype is ValType.ARRAY:
        assert field.elemtype is not None
        kind: pa.DataType = pa.list_(scalars[ValType(field.elemtype)])
    elif field.valtype is ValType.MAP:
        kind = pa.struct([arrow_field(f) for f in field.schema])
    else:
        kind = scalars[field.valtype]
    metadata = {"valtype": str(field.valtype)} if field.valtype in (ValType.JSONSTRING, ValType.IP) else None
    return pa.field(field.key, kind, nullable=True, metadata=metadata)
