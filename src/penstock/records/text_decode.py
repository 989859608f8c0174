"""The text format (数据点文本格式), keys in any order, to Arrow batches: the fast path."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penstock.model.errors import Kind, Problem
from penstock.model.schema import Schema, ValType
from penstock.records.columns import cast_of
from penstock.records.refusal import Refused
from penstock.records.room import require_room, width
from penstock.records.text_keys import KeyTable
from penstock.records.text_scan import LF, TextFields, scan_text
from penstock.records.texts import require_utf8
from penstock.records.words import Bytes, padded, words

_PAD = 8
_NOWHERE = -1


class TextDecoder:
    """Decodes bodies of one schema. Python code runs per body and per column, never per record or field."""

    def __init__(self, schema: Schema, *, unescape: bool) -> None:
        self._arrow = schema.arrow()
        self._width = width(schema.fields)
        self._keys = KeyTable(schema.keys())
        self._casts = [cast_of(field, unescape=unescape) for field in schema.fields]
        self._empty_is_null = np.array([field.valtype is not ValType.STRING for field in schema.fields])
        self._required = np.flatnonzero([field.required for field in schema.fields])

    def decode(self, body: bytes) -> pa.RecordBatch:
        """Every record of the body. Raises Refused when any of them is bad, `Problem` when there is none."""
        data = padded(body, LF, _PAD)
        fields = scan_text(data, len(body))
        if not fields.count:
            raise Problem(Kind.BODY_EMPTY, "the body holds no record")
        require_room(fields.count, self._width)
        require_utf8(body)  # separators are ASCII, so that valid bodies have valid values
        ids = self._keys.match(words(data), fields.starts, fields.equals - fields.starts)
        present = np.flatnonzero(np.bincount(ids, minlength=len(self._casts)))
        slots = self._slots(fields, ids, present)
        absent = slots == _NOWHERE
        texts = _values(data, fields).take(pa.array(slots, mask=absent if absent.any() else None))
        count = fields.count
        columns = [pa.nulls(count, kind) if len(present) < len(self._casts) else None for kind in self._arrow.types]
        for rank, column in enumerate(present):
            columns[column] = self._casts[column](texts.slice(rank * count, count))
        return pa.RecordBatch.from_arrays(columns, schema=self._arrow)

    def _slots(
        self, fields: TextFields, ids: npt.NDArray[np.intp], present: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.int32]:
        """Where each value lies in `_values`: one row of `fields.count` slots for each column that is present, one row
        after the other. Raises Refused for a key that comes twice in a record, or a required one that does not."""
        ranks = np.full(len(self._casts), _NOWHERE, np.intp)
        ranks[present] = np.arange(len(present))
        cells = ranks[ids] * fields.count + fields.records
        numbers = np.arange(0, 2 * len(ids), 2, dtype=np.int32)
        slots = np.full(len(present) * fields.count, _NOWHERE, np.int32)
        slots[cells] = numbers
        if (slots[cells] != numbers).any():
            raise Refused
        empty = np.flatnonzero(fields.ends == fields.equals + 1)
        slots[cells[empty[self._empty_is_null[ids[empty]]]]] = _NOWHERE
        ranks_required = ranks[self._required]
        if len(ranks_required) and (
            (ranks_required == _NOWHERE).any() or (slots.reshape(-1, fields.count)[ranks_required] == _NOWHERE).any()
        ):
            raise Refused
        return slots


def _values(data: Bytes, fields: TextFields) -> pa.StringArray:
    """The body itself as a string array, nothing copied: value i is at 2 * i, and what lies between two values at the
    odd places."""
    offsets = np.empty(2 * len(fields.ends), np.int32)
    offsets[0::2] = fields.equals + 1
    offsets[1::2] = fields.ends
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))
