"""JSON lines: an object a record, UTF-8. Fields that are null are left out; dates are RFC3339 in UTC; a map is an
object, a jsonstring a string. Columns are turned into text by Arrow and joined row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.records.encode_values import concat, present, scalar_text, string_bytes

_ESCAPED = b'"' + bytes(range(0x20))
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"'}


def json_lines(batch: pa.RecordBatch) -> memoryview:
    """The batch's records, each an object and a line end."""
    return string_bytes(_objects(batch.schema, batch.columns, "}\n", batch.num_rows)).data


def json_text(array: pa.Array) -> pa.Array:
    """Each value as JSON text, as a column of strings; null stays null."""
    kind = array.type
    if pa.types.is_struct(kind):
        return _structs(array)
    if pa.types.is_list(kind):
        return _lists(array)
    if pa.types.is_string(kind):
        return concat('"', escaped(array), '"')
    text = scalar_text(array)
    return concat('"', text, '"') if pa.types.is_timestamp(kind) else text


def escaped(array: pa.Array) -> pa.Array:
    """Strings with what JSON does not allow in a string escaped. Most columns need nothing and are returned as they
    are."""
    data = string_bytes(array)
    # the backslash first: the other escapes bring backslashes of their own
    if present(data, b"\\"):
        array = pc.replace_substring(array, pattern="\\", replacement="\\\\")
    for char in present(data, _ESCAPED):
        array = pc.replace_substring(array, pattern=char, replacement=_SHORT.get(char, f"\\u{ord(char):04x}"))
    return array


def _structs(array: pa.StructArray) -> pa.Array:
    text = _objects(array.type, array.flatten(), "}", len(array))
    return pc.if_else(array.is_valid(), text, pa.scalar(None, pa.string())) if array.null_count else text


def _lists(array: pa.ListArray) -> pa.Array:
    items = json_text(array.flatten()).fill_null("null")
    # from_arrays over the flattened items: their offsets start at 0 and skip what lies under null lists
    lengths = pc.list_value_length(array).fill_null(0).to_numpy()
    offsets = np.zeros(len(array) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    text = concat("[", pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), items), ","), "]")
    return pc.if_else(array.is_valid(), text, pa.scalar(None, pa.string())) if array.null_count else text


def _objects(fields: Any, columns: list[pa.Array], end: str, rows: int) -> pa.Array:
    """Rows as objects. Every field is written with a comma before it; then the first comma of each row becomes the
    opening brace. A row without any field gets a comma of its own to that end."""
    parts: list[Any] = []
    empty = np.ones(rows, bool)
    for field, column in zip(fields, columns, strict=True):
        quoted = pa.types.is_string(column.type)
        text = escaped(column) if quoted else json_text(column)
        start, stop = (f',"{field.name}":"', '"') if quoted else (f',"{field.name}":', "")
        if text.null_count:
            parts.append(concat(start, text, stop))
            empty &= text.is_null().to_numpy(zero_copy_only=False)
        else:
            parts += [start, text, stop] if stop else [start, text]
            empty[:] = False
    last = pc.if_else(pa.array(empty), "," + end, end) if empty.any() else pa.scalar(end)
    joined = pc.binary_join_element_wise(*parts, last, "", null_handling="skip")
    if isinstance(joined, pa.Scalar):  # no columns at all
        joined = pa.array([joined.as_py()] * rows, pa.string())
    return _with_braces(joined)


def _with_braces(joined: pa.StringArray) -> pa.Array:
    _, offsets_buffer, data = joined.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[joined.offset : joined.offset + len(joined) + 1]
    text = np.frombuffer(data, np.uint8).copy()
    text[offsets[:-1]] = ord("{")
    return pa.StringArray.from_buffers(len(joined), offsets_buffer, pa.py_buffer(text), None, 0, joined.offset)
