"""Columns as columns of text, without Python per value: what the line formats share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_SECOND = 1_000_000
_MILLISECOND = 1_000


def scalar_text(array: pa.Array) -> pa.Array:
    """Booleans, longs, floats and dates as text: true/false, decimal, the shortest text that reads back to the same
    float (always with a point or an exponent), RFC3339 in UTC with 0, 3 or 6 digits of fraction. Nulls stay; floats
    that are not finite become null, since neither format has a word for them."""
    kind = array.type
    if pa.types.is_timestamp(kind):
        return _date_text(array)
    if pa.types.is_floating(kind):
        return _float_text(array)
    return array.cast(pa.string())


def string_bytes(array: pa.Array) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The bytes of all values of a string array, end to end, without a copy."""
    offsets_buffer, data = array.buffers()[1:]
    if data is None or not len(array):
        return np.empty(0, np.uint8)
    offsets = np.frombuffer(offsets_buffer, np.int32)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]


def present(data: np.ndarray[Any, np.dtype[np.uint8]], wanted: bytes) -> list[str]:
    """Those of the ASCII characters `wanted` that occur in the bytes."""
    counts = np.bincount(data, minlength=256) if data.size else np.zeros(256, np.int64)
    return [chr(c) for c in wanted if counts[c]]


def concat(*parts: pa.Array | str) -> pa.Array:
    """The parts joined row by row; null where one is null."""
    return pc.binary_join_element_wise(*parts, "")


def _date_text(array: pa.Array) -> pa.Array:
    micros = array.cast(pa.timestamp("us", tz=array.type.tz)).cast(pa.int64())
    values = micros.fill_null(0).to_numpy()
    by_second = values % _SECOND == 0
    if by_second.all():
        text = micros.cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("s", tz="UTC")).cast(pa.string())
        return _with_t(text)
    by_milli = values % _MILLISECOND == 0
    if by_milli.all() and not by_second.any():
        return _with_t(micros.cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("ms", tz="UTC")).cast(pa.string()))
    text = micros.cast(pa.timestamp("us", tz="UTC")).cast(pa.string())  # 2017-01-12 15:30:00.000000Z
    short = pc.utf8_slice_codeunits(text, 0, 19)
    milli = pc.utf8_slice_codeunits(text, 0, 23)
    cut = pc.if_else(pa.array(by_second), concat(short, "Z"), pc.if_else(pa.array(by_milli), concat(milli, "Z"), text))
    return _with_t(cut)


def _with_t(text: pa.Array) -> pa.Array:
    return pc.replace_substring(text, pattern=" ", replacement="T", max_replacements=1)


def _float_text(array: pa.Array) -> pa.Array:
    array = array.cast(pa.float64())
    finite = pc.is_finite(array)
    if not pc.all(finite, min_count=0).as_py():
        array = pc.if_else(finite, array, pa.scalar(None, pa.float64()))
    text = array.cast(pa.string())
    values = array.fill_null(0.5).to_numpy()
    whole = values == np.trunc(values)
    if not whole.any():
        return text
    bare = pc.and_(pa.array(whole), pc.invert(pc.match_substring(text, "e")))
    return pc.if_else(bare, concat(text, ".0"), text)
