"""The posting format: `key=value` with TABs between, a record a line. Null fields are left out. TAB and LF in strings
are written as the two characters \\t and \\n, which a repo with `unescapeLine` turns back; other backslashes stay as
they are. A record without any field is an empty line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.records.encode_json import json_text
from penstock.records.encode_values import concat, present, scalar_text, string_bytes

_ESCAPES = {"\t": "\\t", "\n": "\\n"}


def text_lines(batch: pa.RecordBatch) -> memoryview:
    """The batch's records, a line each."""
    parts: list[Any] = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        value = _value_text(field, column)
        start = f"\t{field.name}="
        parts += [concat(start, value)] if value.null_count else [start, value]
    joined = pc.binary_join_element_wise(*parts, _line_end(batch), "", null_handling="skip")
    # every line starts with a TAB; take those out
    data = string_bytes(joined)
    _, offsets_buffer, _ = joined.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[joined.offset : joined.offset + len(joined)]
    keep = np.ones(data.size, bool)
    starts = offsets - offsets[0] if len(offsets) else offsets
    keep[starts[data[starts] == ord("\t")]] = False
    return np.ascontiguousarray(data[keep]).data


def _line_end(batch: pa.RecordBatch) -> pa.Array:
    return pa.array(np.full(batch.num_rows, "\n"), pa.string())


def _value_text(field: pa.Field, column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind):
        return _plain(field, column)
    if pa.types.is_struct(kind) or pa.types.is_list(kind):
        return json_text(column)
    return scalar_text(column)


def _plain(field: pa.Field, column: pa.Array) -> pa.Array:
    found = present(string_bytes(column), b"\t\n")
    # in JSON text they can only be blanks between tokens, and must not be unescaped before it is parsed
    blanks = (field.metadata or {}).get(b"valtype") == b"jsonstring"
    for char in found:
        column = pc.replace_substring(column, pattern=char, replacement=" " if blanks else _ESCAPES[char])
    return column
