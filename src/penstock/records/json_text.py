"""JSON texts as values (字段类型 jsonstring): any JSON value, kept as it was sent."""

from __future__ import annotations

from typing import TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.records.refusal import Refused
from penstock.records.texts import join_lines

T = TypeVar("T")

MAX_DEPTH = 128
"""Deepest nesting of arrays and objects in one JSON text."""

_SPACE = " \t\r\n"
_DECODER = msgspec.json.Decoder(msgspec.Raw)


def check_json_texts(texts: pa.StringArray) -> None:
    """Raises Refused unless each value (none null) is one JSON value: RFC 8259, no lone surrogates, at most `MAX_DEPTH`
    deep. Duplicate keys are let through: nobody but the reader of the text can say what they mean."""
    if not len(texts):
        return
    raws = decode_lines(_DECODER, texts)
    # Lines are only white space to the decoder; but values that are as long as the texts begin and end with them.
    lengths = pc.binary_length(pc.ascii_trim(texts, _SPACE)).to_numpy(zero_copy_only=False)
    if len(raws) != len(texts) or not np.array_equal(np.fromiter(map(len, raws), np.int64, len(raws)), lengths):
        raise Refused
    brackets = pc.add(pc.count_substring(texts, "["), pc.count_substring(texts, "{"))
    suspects = texts.filter(pc.greater(brackets, MAX_DEPTH))
    if any(depth(text) > MAX_DEPTH for text in suspects.to_pylist()):
        raise Refused


def decode_lines(decoder: msgspec.json.Decoder[T], texts: pa.StringArray) -> list[T]:
    """The values of all texts, in one call. Raises Refused when they are not of the decoder's type. A text may hold no
    value or several: the caller must check."""
    try:
        return decoder.decode_lines(join_lines(texts))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused from None


def depth(text: str) -> int:
    """How deep arrays and objects nest in a JSON text. Texts that are not JSON get some number."""
    unescaped = text.encode("utf-8", "surrogatepass").replace(rb"\\", b"").replace(rb"\"", b"")
    outside = np.frombuffer(b"".join(unescaped.split(b'"')[::2]), np.uint8)  # of strings
    opened = ((outside == ord("[")) | (outside == ord("{"))).astype(np.int8)
    closed = ((outside == ord("]")) | (outside == ord("}"))).astype(np.int8)
    return int(np.cumsum(opened - closed, dtype=np.int64).max(initial=0))
