"""JSON bodies to Arrow batches: the fast path."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pyarrow as pa

from penstock.model.errors import Kind, Problem
from penstock.model.schema import Schema
from penstock.records.json_rows import JsonRows
from penstock.records.refusal import Refused
from penstock.records.room import MAX_CELLS, require_room, width

_RAW = msgspec.json.Decoder(msgspec.Raw)
_RAW_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_STARTS_ARRAY = re.compile(rb"[ \t\r\n]*\[")


class JsonDecoder:
    """Decodes bodies of one schema: an array of objects, or objects one after the other with white space, as JSON lines
    have it, or nothing between them. One object is a body too."""

    def __init__(self, schema: Schema) -> None:
        self._arrow = schema.arrow()
        self._width = width(schema.fields)
        self._rows = JsonRows(schema.fields)
        self._array = msgspec.json.Decoder(list[self._rows.struct])  # type: ignore[name-defined]
        self._sequence: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self._rows.struct)

    def decode(self, body: bytes) -> pa.RecordBatch:
        """Every record of the body. Raises Refused when it is not JSON or any record is bad, `Problem` when there is no
        record."""
        is_array = _STARTS_ARRAY.match(body) is not None
        if len(body) // 2 * self._width > MAX_CELLS:  # "{}" is a record: count them before rows fill the memory
            require_room(len(_values(_RAW_ARRAY, _RAW, is_array, body)), self._width)
        rows = _values(self._array, self._sequence, is_array, body)
        if not rows:
            raise Problem(Kind.BODY_EMPTY, "the body holds no record")
        return pa.RecordBatch.from_arrays(self._rows.columns(rows, body), schema=self._arrow)


def _values(
    array: msgspec.json.Decoder[Any], sequence: msgspec.json.Decoder[Any], is_array: bool, body: bytes
) -> list[Any]:
    try:
        values: list[Any] = array.decode(body) if is_array else sequence.decode_lines(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused from None
    return values
