"""JSON objects to Arrow columns: a msgspec struct compiled from the fields, then one pass over each column."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, repeat
from operator import attrgetter, is_
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.model.schema import ElemType, Field, ValType, arrow_field
from penstock.records.addresses import check_addresses
from penstock.records.json_keys import count_named_keys
from penstock.records.json_text import check_json_texts, decode_lines
from penstock.records.refusal import Refused
from penstock.records.rfc3339 import parse_dates
from penstock.records.texts import join_lines, scatter

_ABSENT = float("nan")
"""Stands for a key that is not there, as None stands for `null`. Arrow takes it for a null; JSON has no NaN."""
_ABSENT_RAW = msgspec.Raw(b"")

_SCALARS: dict[str, type] = {
    ValType.BOOLEAN: bool,
    ValType.LONG: int,
    ValType.FLOAT: float,
    ValType.STRING: str,
    ValType.DATE: str,
    ValType.IP: str,
}
_LISTS: dict[str, Any] = {
    ElemType.BOOLEAN: list[bool],
    ElemType.LONG: list[int],
    ElemType.FLOAT: list[float],
    ElemType.STRING: list[str],
}
_STRINGS = msgspec.json.Decoder(str)


def list_type(field: Field) -> Any:
    """The Python type of an array field's values."""
    assert field.elemtype is not None
    return _LISTS[field.elemtype]


class JsonRows:
    """Objects with the given fields and no others. `struct` is what to decode them to."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = [
            (field, arrow_field(field).type, JsonRows(field.schema) if field.schema else None) for field in fields
        ]
        self.struct: type[msgspec.Struct] = msgspec.defstruct(
            "Row",
            [_attribute(f"f{i}", field, inner) for i, (field, _, inner) in enumerate(self._fields)],
            rename={f"f{i}": field.key for i, field in enumerate(fields)},
            kw_only=True,
            forbid_unknown_fields=True,
            gc=False,
        )
        self._getters = [attrgetter(f"f{i}") for i in range(len(fields))]

    def columns(self, rows: Sequence[Any], text: bytes | memoryview | pa.Buffer) -> list[pa.Array]:
        """One array per field. `text` is what the rows were decoded from. Raises Refused for values that the struct's
        types let through, and for duplicate keys at any depth (embedded JSON texts are not looked into)."""
        tally = _Tally()
        try:
            arrays = self._columns(rows, tally)
        except (pa.ArrowInvalid, OverflowError):
            raise Refused from None
        if not tally.agrees(count_named_keys(np.frombuffer(text, np.uint8))):
            raise Refused
        return arrays

    def _columns(self, rows: Sequence[Any], tally: _Tally) -> list[pa.Array]:
        return [
            _column(list(map(get, rows)), *field, tally) for get, field in zip(self._getters, self._fields, strict=True)
        ]


class _Tally:
    """Counts the keys from which columns were filled. A key that came twice has filled one place only."""

    def __init__(self) -> None:
        self.values: list[tuple[list[Any], object]] = []
        self.filled = 0
        self.embedded = 0

    def add(self, values: list[Any], absent: object, column: pa.Array) -> None:
        self.values.append((values, absent))
        self.filled += len(column) - column.null_count

    def agrees(self, keys: int) -> bool:
        """True when the text with so many keys had no key twice."""
        keys -= self.embedded
        return keys == self.filled or keys == self._given()

    def _given(self) -> int:
        """Places that a key filled, be it with null."""
        return sum(len(values) - sum(map(is_, values, repeat(absent))) for values, absent in self.values)


def _attribute(name: str, field: Field, inner: JsonRows | None) -> tuple[Any, ...]:
    if field.valtype is ValType.JSONSTRING:
        return (name, msgspec.Raw) if field.required else (name, msgspec.Raw, _ABSENT_RAW)
    kind: Any
    if inner is not None:
        kind = inner.struct
    elif field.elemtype is not None:
        kind = list_type(field)
    else:
        kind = _SCALARS[field.valtype]
    return (name, kind) if field.required else (name, kind | None, _ABSENT)


def _column(values: list[Any], field: Field, kind: pa.DataType, inner: JsonRows | None, tally: _Tally) -> pa.Array:
    if field.valtype is ValType.JSONSTRING:
        column = _json_texts(values, field, tally)
        tally.add(values, _ABSENT_RAW, column)
        return column
    if inner is not None:
        present = list(map(isinstance, values, repeat(inner.struct)))
        children = inner._columns(list(compress(values, present)), tally)
        column = scatter(pa.StructArray.from_arrays(children, fields=list(kind)), pa.array(present, pa.bool_()))
    elif field.valtype is ValType.DATE:
        column = parse_dates(pa.array(values, pa.string(), from_pandas=True))
    else:
        column = pa.array(values, kind, from_pandas=True)
        if field.valtype is ValType.IP:
            check_addresses(column)
    tally.add(values, _ABSENT, column)
    return column


def _json_texts(raws: list[msgspec.Raw], field: Field, tally: _Tally) -> pa.StringArray:
    """A string holds the JSON text; an array or object is its own text, kept as sent. Other values are refused."""
    texts = pa.array(list(map(bytes, raws)), pa.binary()).cast(pa.string())
    present = pc.and_(pc.not_equal(texts, ""), pc.not_equal(texts, "null"))
    texts = pc.if_else(present, texts, pa.scalar(None, pa.string()))
    quoted = pc.fill_null(pc.starts_with(texts, '"'), False)
    embedded = pc.fill_null(pc.or_(pc.starts_with(texts, "["), pc.starts_with(texts, "{")), False)
    if not pc.all(pc.equal(present, pc.or_(quoted, embedded)), min_count=0).as_py():
        raise Refused
    if field.required and texts.null_count:
        raise Refused
    tally.embedded += count_named_keys(np.frombuffer(join_lines(texts.filter(embedded)), np.uint8))
    strings = pa.array(decode_lines(_STRINGS, texts.filter(quoted)), pa.string())
    texts = pc.replace_with_mask(texts, quoted, strings)
    check_json_texts(texts.drop_null())
    return texts
