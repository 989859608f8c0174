"""How rows look at the places where the checker meets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crash.canon import Row
from crash.content import SCHEMA

View = Callable[[Row], Row]

MAPPING = {
    "who": "#client",
    "number": "sequence",
    "city": "#place.city",
    "mark": "#place.inner.deep.mark",
    "at": "#seen",
}
"""An export's `fields`: renamed, with and without `#`, out of maps."""
MAPPED_SCHEMA: list[dict[str, Any]] = [
    {"key": "who", "valtype": "string"},
    {"key": "number", "valtype": "long"},
    {"key": "city", "valtype": "string"},
    {"key": "mark", "valtype": "string"},
    {"key": "at", "valtype": "date"},
]
_STRINGS = {f["key"] for f in SCHEMA if f["valtype"] == "string"}


def whole(row: Row) -> Row:
    """The log, and files in json, csv and parquet."""
    return row


def as_text(row: Row) -> Row:
    """Files in the posting format, which has no way to write TAB and LF but as two characters each."""
    return {k: v.replace("\t", "\\t").replace("\n", "\\n") if k in _STRINGS else v for k, v in row.items()}


def mapped(row: Row) -> Row:
    """Files of an export with `MAPPING`."""
    found = {name: _find(row, source.removeprefix("#").split(".")) for name, source in MAPPING.items()}
    return {name: value for name, value in found.items() if value is not None}


def _find(value: Any, path: list[str]) -> Any:
    for part in path:
        if value is None:
            return None
        value = value.get(part)
    return value


VIEWS: dict[str, View] = {"whole": whole, "text": as_text, "mapped": mapped}
