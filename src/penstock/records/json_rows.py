"""JSON objects to Arrow columns: a msgspec struct compiled from the fields, then one pass over each column."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, repeat
from operator import attrgetter, is_
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from penstock.model.schema import ElemType, Field, ValType, arrow_field
from penstock.records.addresses import check_addresses
from penstock.records.json_quotes import count_quotes
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
_QUOTED = (ValType.STRING, ValType.DATE, ValType.IP)
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

    def columns(self, rows: Sequence[Any], text: bytes | pa.Buffer) -> list[pa.Array]:
        """One array per field. `text` is what the rows were decoded from. Raises Refused for values that the struct's
        types let through, and for duplicate keys at any depth (embedded JSON texts are not looked into)."""
        tally = _Tally()
        try:
            arrays = self._columns(rows, tally)
        except (pa.ArrowInvalid, OverflowError):
            raise Refused from None
        if not tally.agrees(count_quotes(text)):
            raise Refused
        return arrays

    def _columns(self, rows: Sequence[Any], tally: _Tally) -> list[pa.Array]:
        return [
            _column(list(map(get, rows)), *field, tally) for get, field in zip(self._getters, self._fields, strict=True)
        ]


class _Tally:
    """Counts what the columns were filled from. A key that came twice has filled one place only, so that the text holds
    more quotes than its columns account for."""

    def __init__(self) -> None:
        self._columns: list[tuple[list[Any], object]] = []
        self._filled = 0
        self._quotes = 0

    def add(self, values: list[Any], absent: object, column: pa.Array, quotes: int = 0) -> None:
        """A column, the values it was made of, what stands among them for a key that is not there, and the quotes of
        the values."""
        self._columns.append((values, absent))
        self._filled += len(column) - column.null_count
        self._quotes += quotes

    def agrees(self, quotes: int) -> bool:
        """True when the text with so many quotes had no key twice."""
        keys = (quotes - self._quotes) // 2
        return keys == self._filled or keys == self._given()

    def _given(self) -> int:
        """Places that a key filled, be it with null."""
        return sum(len(values) - sum(map(is_, values, repeat(absent))) for values, absent in self._columns)


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
        return _json_texts(values, field, tally)
    quotes = 0
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
    if field.valtype in _QUOTED:
        quotes = 2 * (len(column) - column.null_count)
    elif field.elemtype is ElemType.STRING:
        quotes = 2 * len(column.flatten())
    tally.add(values, _ABSENT, column, quotes)
    return column


def _json_texts(raws: list[msgspec.Raw], field: Field, tally: _Tally) -> pa.StringArray:
    """A string holds the JSON text; an array or object is its own text, kept as sent. Other values are refused."""
    texts = pa.array(list(map(bytes, raws)), pa.binary()).cast(pa.string())
    present = pc.and_(pc.not_equal(texts, ""), pc.not_equal(texts, "null"))
    texts = pc.if_else(present, texts, pa.scalar(None, pa.string()))
    quoted = pc.fill_null(pc.starts_with(texts, '"'), False)
    bracketed = pc.fill_null(pc.or_(pc.starts_with(texts, "["), pc.starts_with(texts, "{")), False)
    if not pc.all(pc.equal(present, pc.or_(quoted, bracketed)), min_count=0).as_py():
        raise Refused
    if field.required and texts.null_count:
        raise Refused
    tally.add(raws, _ABSENT_RAW, texts, count_quotes(join_lines(texts.drop_null())))
    strings = pa.array(decode_lines(_STRINGS, texts.filter(quoted)), pa.string())
    texts = pc.replace_with_mask(texts, quoted, strings)
    check_json_texts(texts.drop_null())
    return texts
