"""The values of one field of text bodies, a column at a time: text in, Arrow out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penstock.model.schema import Field, ValType, arrow_field
from penstock.records.addresses import check_addresses
from penstock.records.json_rows import JsonRows, list_type
from penstock.records.json_text import check_json_texts, decode_lines
from penstock.records.refusal import Refused
from penstock.records.rfc3339 import parse_dates
from penstock.records.texts import join_lines, scatter, text_bytes

T = TypeVar("T")
Cast = Callable[[pa.StringArray], pa.Array]
"""Texts to values; nulls stay null; raises Refused when a text is not a value of the field. Only strings may be empty
texts: for other types the caller turns these into nulls."""

_JSON_SPACE = " \t\r\n"


def cast_of(field: Field, *, unescape: bool) -> Cast:
    """How the texts of that field are read (wire: text format, value types)."""
    match field.valtype:
        case ValType.STRING:
            return _unescape if unescape else _as_received
        case ValType.LONG:
            return _longs
        case ValType.FLOAT:
            return _floats
        case ValType.BOOLEAN:
            return _booleans
        case ValType.DATE:
            return parse_dates
        case ValType.IP:
            return check_addresses
        case ValType.JSONSTRING:
            return _json_texts
        case ValType.ARRAY:
            return _arrays(field)
        case ValType.MAP:
            return _maps(field)


def _as_received(texts: pa.StringArray) -> pa.StringArray:
    return texts


def _unescape(texts: pa.StringArray) -> pa.StringArray:
    """Backslash-t and backslash-n become TAB and LF, whatever stands before the backslash; nothing else changes."""
    return pc.replace_substring(pc.replace_substring(texts, r"\t", "\t"), r"\n", "\n")


def _byte_set(allowed: bytes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    table = np.zeros(256, np.bool_)
    table[list(allowed)] = True
    return table


_IN_LONG = _byte_set(b"0123456789-")
_IN_FLOAT = _byte_set(b"0123456789-+.eE")


def _longs(texts: pa.StringArray) -> pa.Int64Array:
    chars, _ = text_bytes(texts)
    if not _IN_LONG[chars].all():  # Arrow would take 0x1F
        raise Refused
    return _cast(texts, pa.int64())


def _floats(texts: pa.StringArray) -> pa.DoubleArray:
    chars, offsets = text_bytes(texts)
    firsts = offsets[:-1][offsets[1:] > offsets[:-1]]
    if not _IN_FLOAT[chars].all() or (chars[firsts] == ord("+")).any():  # Arrow would take nan, inf and +1
        raise Refused
    values = _cast(texts, pa.float64())
    if not pc.all(pc.is_finite(values), min_count=0).as_py():
        raise Refused
    return values


def _cast(texts: pa.StringArray, kind: pa.DataType) -> pa.Array:
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        raise Refused from None


def _booleans(texts: pa.StringArray) -> pa.BooleanArray:
    true = pc.equal(texts, "true")
    if not pc.all(pc.or_(true, pc.equal(texts, "false")), min_count=0).as_py():
        raise Refused
    return true


def _json_texts(texts: pa.StringArray) -> pa.StringArray:
    check_json_texts(texts.drop_null())
    return texts


def _arrays(field: Field) -> Cast:
    kind = arrow_field(field).type
    decoder = msgspec.json.Decoder(list_type(field))

    def cast(texts: pa.StringArray) -> pa.Array:
        present = texts.drop_null()
        lists = _decode(decoder, present, "[", "]")
        try:
            return scatter(pa.array(lists, kind), texts.is_valid())
        except OverflowError:  # beyond 64 bits
            raise Refused from None

    return cast


def _maps(field: Field) -> Cast:
    kind = arrow_field(field).type
    rows = JsonRows(field.schema)
    decoder = msgspec.json.Decoder(rows.struct)

    def cast(texts: pa.StringArray) -> pa.Array:
        present = texts.drop_null()
        children = rows.columns(_decode(decoder, present, "{", "}"), join_lines(present))
        return scatter(pa.StructArray.from_arrays(children, fields=list(kind)), texts.is_valid())

    return cast


def _decode(decoder: msgspec.json.Decoder[T], texts: pa.StringArray, first: str, last: str) -> list[T]:
    """The value of each text. Since a text begins and ends with a bracket, and no JSON string goes past the end of a
    line, as many values as texts are one value a text."""
    trimmed = pc.ascii_trim(texts, _JSON_SPACE)
    if not pc.all(pc.and_(pc.starts_with(trimmed, first), pc.ends_with(trimmed, last)), min_count=0).as_py():
        raise Refused
    values = decode_lines(decoder, texts)
    if len(values) != len(texts):
        raise Refused
    return values
