"""Bytes read eight at a time, at any offset: what key matching and date parsing gather from a body."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Indexes = npt.NDArray[np.int64]


def padded(data: bytes | Bytes, last: int, pad: int) -> Bytes:
    """A copy of `data` followed by the byte `last` and zeros, `pad` bytes together, so that reads of up to `pad` bytes
    that begin inside `data` stay inside the copy."""
    size = len(data)
    copy = np.empty(size + pad, np.uint8)
    copy[:size] = np.frombuffer(data, np.uint8)
    copy[size] = last
    copy[size + 1 :] = 0
    return copy


def words(data: Bytes) -> Words:
    """`words(data)[i]` is bytes i to i+7 as one little-endian integer. A view: nothing is copied."""
    return np.ndarray((len(data) - 7,), dtype="<u8", buffer=data.data, strides=(1,))


FIRST_BYTES: Words = np.array([(1 << (8 * n)) - 1 for n in range(9)], dtype="<u8")
"""`word & FIRST_BYTES[n]` keeps the first n bytes of a word."""


def windows(data: Bytes, size: int) -> Bytes:
    """`windows(data, size)[i]` is bytes i to i+size-1. A view: nothing is copied. (NumPy's sliding_window_view takes
    ten times as long to make, which counts in bodies of one record.)"""
    return np.ndarray((len(data) - size + 1, size), np.uint8, buffer=data.data, strides=(1, 1))
