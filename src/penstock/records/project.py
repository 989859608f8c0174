"""Which fields of a repo go out, and under which names (字段关系说明, `fields` of an export)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.model.errors import Kind, Problem
from penstock.model.names import NAME_RULE, is_name
from penstock.model.schema import Field, Schema


@dataclass(frozen=True, slots=True)
class Column:
    """One field of the output: its name, and the path of its source (more than one part leads into maps)."""

    name: str
    path: tuple[str, ...]


def parse_mapping(mapping: Mapping[str, str], schema: Schema) -> tuple[Column, ...]:
    """`{destination: "#source"}` resolved against a repo's schema; `"source"` and, into maps, `"#m.x"` are legal too.
    An empty mapping stands for every field under its own name. Raises Problem naming the destination."""
    if not mapping:
        return tuple(Column(f.key, (f.key,)) for f in schema.fields)
    return tuple(_parse_entry(name, source, schema) for name, source in mapping.items())


def _parse_entry(name: str, source: str, schema: Schema) -> Column:
    if not name:
        raise Problem(
            Kind.EXPORT_DESTINATION_EMPTY, f"spec.fields has an empty name for {source!r}: name the destination field"
        )
    if not is_name(name):
        raise Problem(
            Kind.EXPORT_DESTINATION_NAME, f"spec.fields: {name[:140]!r} is not a legal name: it must match {NAME_RULE}"
        )
    text = source.removeprefix("#")
    if not text:
        raise Problem(Kind.EXPORT_SOURCE_EMPTY, f"spec.fields.{name} is {source!r}: name a field of the repo, as '#f'")
    path = tuple(text.split("."))
    if _find(path, schema) is None:
        raise Problem(
            Kind.EXPORT_SOURCE_MISSING, f"spec.fields.{name} is {source[:140]!r}: the repo has no field {text[:140]!r}"
        )
    return Column(name, path)


def _find(path: tuple[str, ...], schema: Schema) -> Field | None:
    """The field at that path."""
    fields = schema.fields
    found: Field | None = None
    for part in path:
        found = next((f for f in fields if f.key == part), None)
        if found is None:
            return None
        fields = found.schema
    return found


class Projection:
    """A mapping at work on batches. `source` is the Arrow schema to read (only what is needed), `target` the one that
    comes out."""

    def __init__(self, mapping: Mapping[str, str], schema: Schema) -> None:
        columns = parse_mapping(mapping, schema)
        read = {c.path[0] for c in columns}
        arrow = schema.arrow()
        self.source: pa.Schema = pa.schema([f for f in arrow if f.name in read])
        self.target: pa.Schema = pa.schema([_rename(arrow, c) for c in columns])
        self._columns = columns

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch of `source` as one of `target`; shares what it can."""
        arrays = [_pick(batch, c.path) for c in self._columns]
        return pa.RecordBatch.from_arrays(arrays, schema=self.target)


def _rename(arrow: pa.Schema, column: Column) -> pa.Field:
    field: Any = arrow.field(column.path[0])
    for part in column.path[1:]:
        field = field.type.field(part)
    return field.with_name(column.name)


def _pick(batch: pa.RecordBatch, path: tuple[str, ...]) -> pa.Array:
    array = batch.column(path[0])
    return pc.struct_field(array, list(path[1:])) if len(path) > 1 else array
