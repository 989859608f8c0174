"""Tags (wire: `?tags=`): fields that a request gives to all its records at once."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping

import msgspec
import pyarrow as pa

from penstock.model.errors import Kind, Problem
from penstock.model.schema import Schema, ValType
from penstock.records.columns import cast_of
from penstock.records.refusal import Refused, shorten, unknown_field
from penstock.records.value_slow import text_fault


def parse_tags(encoded: str) -> dict[str, str]:
    """{field: text} from base64, URL-safe or standard, padded or not, of `k=v` separated by TABs; an empty text has no
    tags. Raises `Problem` TAGS_UNREADABLE."""
    # A "+" that a query parser has turned into a blank is still a "+".
    standard = encoded.rstrip("=").translate(str.maketrans("-_ ", "+/+"))
    try:
        raw = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
        text = raw.decode()
    except (binascii.Error, ValueError):  # UnicodeError is a ValueError
        raise Problem(
            Kind.TAGS_UNREADABLE, f"tags {shorten(encoded)!r} is not base64 of UTF-8 text: encode k=v<TAB>k2=v2"
        ) from None
    tags: dict[str, str] = {}
    for part in filter(None, (part.lstrip(" ") for part in text.split("\t"))):
        key, equals, value = part.partition("=")
        if not equals:
            raise Problem(Kind.TAGS_UNREADABLE, f"tag {shorten(part)!r} is not key=value")
        if key in tags:
            raise Problem(Kind.TAGS_UNREADABLE, f"tag {shorten(key)!r} comes twice")
        tags[key] = value
    return tags


def tag_values(schema: Schema, tags: Mapping[str, str], *, unescape: bool) -> dict[str, pa.Array]:
    """Each tag as an array of one value, read as the text format reads that field. Raises `Problem`: FIELD_UNKNOWN,
    VALUE_INVALID, or REQUIRED_MISSING for an empty tag over a required field that cannot be empty."""
    values: dict[str, pa.Array] = {}
    for key, text in tags.items():
        field = schema.get(key)
        if field is None:
            unknown = unknown_field("", key, text)
            raise Problem(unknown.kind, f"{unknown.reason} (given in tags)")
        empty = not text and field.valtype is not ValType.STRING
        if empty and field.required:
            raise Problem(Kind.REQUIRED_MISSING, f"tag {key!r} is empty, and the field is required")
        try:
            values[key] = cast_of(field, unescape=unescape)(pa.array([None if empty else text], pa.string()))
        except Refused:
            fault = text_fault(field, text)
            assert fault is not None
            raise Problem(fault.kind, f"tag {fault.field!r}: {fault.reason} (value {shorten(fault.value)!r})") from None
    return values


def without_required(schema: Schema, tagged: Collection[str]) -> Schema:
    """The schema of records that need not bring what tags give them."""
    return Schema(
        tuple(
            msgspec.structs.replace(f, required=False) if f.key in tagged and f.required else f for f in schema.fields
        )
    )


def override(batch: pa.RecordBatch, values: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """The batch with those columns replaced, each by its one value in every row."""
    rows = pa.nulls(batch.num_rows, pa.int8()).fill_null(0)
    columns = [
        values[field.name].take(rows) if field.name in values else batch.column(i)
        for i, field in enumerate(batch.schema)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)
