"""Looking into an Arrow string array without copying it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.records.refusal import Refused
from penstock.records.words import Bytes, Indexes


def text_bytes(texts: pa.StringArray) -> tuple[Bytes, Indexes]:
    """The bytes of all values, one after the other, and len + 1 offsets into them. A null takes no bytes when the array
    came from `take` or from Python values."""
    _, offsets, chars = texts.buffers()
    ends = np.frombuffer(offsets, np.int32, len(texts) + 1, offset=4 * texts.offset).astype(np.int64)
    if chars is None:
        return np.empty(0, np.uint8), ends - ends[0]
    return np.frombuffer(chars, np.uint8)[ends[0] : ends[-1]], ends - ends[0]


def join_lines(texts: pa.StringArray) -> pa.Buffer:
    """All values (none null) with an LF between them."""
    whole = pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts)
    return pc.binary_join(whole, "\n")[0].as_buffer()


def scatter(values: pa.Array, present: pa.BooleanArray) -> pa.Array:
    """`values` put in the places where `present` is true, nulls elsewhere."""
    if len(values) == len(present):
        return values
    places = pc.cumulative_sum(present.cast(pa.int32()))
    return values.take(pc.if_else(present, pc.subtract(places, 1), pa.scalar(None, pa.int32())))


def require_utf8(body: bytes) -> None:
    """Raises Refused when the body is not UTF-8."""
    if body.isascii():
        return
    offsets = np.array([0, len(body)], np.int32)
    try:
        pa.StringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(body)).validate(full=True)
    except pa.ArrowInvalid:
        raise Refused from None
