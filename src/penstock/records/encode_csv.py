"""CSV: values in the order of the mapping, quoted by RFC 4180 where they must be, LF after each record, no header line.
A null is an empty value, an empty string is `""`; dates are RFC3339 in UTC; maps and arrays are JSON text."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.records.encode_json import json_text
from penstock.records.encode_values import concat, scalar_text, string_bytes

_SCALAR_CHARACTERS = frozenset("0123456789+-.:TZtruefalsenai")


def csv_lines(batch: pa.RecordBatch, delimiter: str) -> memoryview:
    """The batch's records, a line each (or more, where a quoted value has line ends)."""
    parts: list[Any] = []
    for column in batch.columns:
        parts += [_value_text(column, delimiter).fill_null(""), delimiter]
    parts[-1] = "\n"
    return string_bytes(pc.binary_join_element_wise(*parts, "")).data


def _value_text(column: pa.Array, delimiter: str) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind):
        return _quoted(column, delimiter)
    if pa.types.is_struct(kind) or pa.types.is_list(kind):
        return _quoted(json_text(column), delimiter)
    text = scalar_text(column)
    return _quoted(text, delimiter) if delimiter in _SCALAR_CHARACTERS else text


def _quoted(text: pa.Array, delimiter: str) -> pa.Array:
    needs = pc.equal(pc.binary_length(text), 0)
    data = string_bytes(text).tobytes()
    for char in ('"', "\n", "\r", delimiter):
        if char.encode() in data:
            needs = pc.or_(needs, pc.match_substring(text, char))
    if not pc.any(needs, min_count=0).as_py():
        return text
    inner = pc.replace_substring(text, pattern='"', replacement='""')
    return pc.if_else(needs, concat('"', inner, '"'), text)
