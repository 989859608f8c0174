"""Records brought to one form, whatever they were read from, so that whole rows can be compared as text.

Fields that are null are left out, at any depth; dates are microseconds since 1970; the rest is as JSON has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

Field = dict[str, Any]
Row = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def line(row: Row) -> str:
    """A canonical row as text: equal rows, equal text."""
    return json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def from_json(record: Row, fields: Iterable[Field]) -> Row:
    """A JSON object: as a client sends it, or as a line of an exported file has it."""
    return _row(record, fields, _json_value)


def from_arrow(record: Row, fields: Iterable[Field]) -> Row:
    """A row of an Arrow batch or a Parquet file (`to_pylist`), whose maps have every field, null or not."""
    return _row(record, fields, _arrow_value)


def from_texts(record: dict[str, str | None], fields: Iterable[Field]) -> Row:
    """Values as text: of CSV, or of the posting format."""
    return _row(record, fields, _text_value)


def _row(record: dict[str, Any], fields: Iterable[Field], convert: Callable[[Any, Field], Any]) -> Row:
    by_key = {f["key"]: f for f in fields}
    unknown = record.keys() - by_key.keys()
    if unknown:
        raise ValueError(f"fields that were never declared: {sorted(unknown)}")
    return {k: convert(v, by_key[k]) for k, v in record.items() if v is not None}


def _json_value(value: Any, field: Field) -> Any:
    match field["valtype"]:
        case "date":
            return _micros(datetime.fromisoformat(value))
        case "map":
            return from_json(value, field["schema"])
        case "float":
            return float(value)
        case "array" if field["elemtype"] == "float":
            return [float(v) for v in value]
    return value


def _arrow_value(value: Any, field: Field) -> Any:
    match field["valtype"]:
        case "date":
            return _micros(value)
        case "map":
            return from_arrow(value, field["schema"])
    return value


def _text_value(text: str, field: Field) -> Any:
    match field["valtype"]:
        case "long":
            return int(text)
        case "float":
            return float(text)
        case "boolean":
            return {"true": True, "false": False}[text]
        case "date":
            return _micros(datetime.fromisoformat(text))
        case "array" | "map":
            return _json_value(json.loads(text), field)
    return text


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
