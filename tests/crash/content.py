"""Random records over every type of field, and the bodies in which clients send them.

A record is a dict as JSON has it (dates are RFC3339 text); fields may be missing. `client` and `sequence` make it
unlike any other.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Record = dict[str, Any]

SCHEMA: list[dict[str, Any]] = [
    {"key": "client", "valtype": "string", "required": True},
    {"key": "sequence", "valtype": "long", "required": True},
    {"key": "line", "valtype": "string"},
    {"key": "word", "valtype": "string"},
    {"key": "size", "valtype": "long"},
    {"key": "ratio", "valtype": "float"},
    {"key": "good", "valtype": "boolean"},
    {"key": "seen", "valtype": "date"},
    {"key": "address", "valtype": "ip"},
    {"key": "raw", "valtype": "jsonstring"},
    {"key": "numbers", "valtype": "array", "elemtype": "long"},
    {"key": "words", "valtype": "array", "elemtype": "string"},
    {"key": "ratios", "valtype": "array", "elemtype": "float"},
    {
        "key": "place",
        "valtype": "map",
        "schema": [
            {"key": "city", "valtype": "string"},
            {"key": "floor", "valtype": "long"},
            {"key": "since", "valtype": "date"},
            {"key": "names", "valtype": "array", "elemtype": "string"},
            {
                "key": "inner",
                "valtype": "map",
                "schema": [
                    {"key": "share", "valtype": "float"},
                    {"key": "open", "valtype": "boolean"},
                    {"key": "deep", "valtype": "map", "schema": [{"key": "mark", "valtype": "string"}]},
                ],
            },
        ],
    },
]

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_MARKS = " \"\\,;|=/:'{}[]%#"
_WIDE = "äß中文队列Ж😀\u2028"
_CONTROLS = "\t\n\r\x01\x7f"
_LONGS = (0, -1, 1, 2**63 - 1, -(2**63), 2**53 + 1)
_FLOATS = (0.0, 1.0, -2.5, 1e21, 5e-324, 1.7976931348623157e308, 0.1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_SPAN_US = 4_000_000_000 * 1_000_000  # up to the year 2096


def make_record(random: Random, client: str, sequence: int, *, controls: bool) -> Record:
    """One record. Only with `controls` may strings hold control characters, which the text format cannot carry."""
    makers = {
        "line": lambda: _string(random, controls, 200),
        "word": lambda: _string(random, controls, 12),
        "size": lambda: _long(random),
        "ratio": lambda: _float(random),
        "good": lambda: random.random() < 0.5,
        "seen": lambda: _date(random),
        "address": lambda: random.choice(("127.0.0.1", "10.255.0.7", "2001:db8::17", "::ffff:1.2.3.4")),
        "raw": lambda: json.dumps({"k": _string(random, True, 20), "n": [_long(random), None, True]}),
        "numbers": lambda: [_long(random) for _ in range(random.randrange(4))],
        "words": lambda: [_string(random, controls, 10) for _ in range(random.randrange(4))],
        "ratios": lambda: [_float(random) for _ in range(random.randrange(4))],
        "place": lambda: _place(random),
    }
    record: Record = {"client": client, "sequence": sequence}
    record.update((key, make()) for key, make in makers.items() if random.random() < 0.8)
    return record


def text_body(records: list[Record]) -> bytes:
    """The records in the text format, a line each, keys in any order."""
    return "".join("\t".join(f"{k}={_as_text(v)}" for k, v in sorted(r.items())) + "\n" for r in records).encode()


def json_body(records: list[Record], *, lines: bool) -> bytes:
    """The records as JSON lines, or as one JSON array."""
    if lines:
        return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode()
    return json.dumps(records).encode()


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _place(random: Random) -> Record:
    place: Record = {}
    if random.random() < 0.8:
        place["city"] = _string(random, True, 20)
    if random.random() < 0.8:
        place["floor"] = _long(random)
    if random.random() < 0.5:
        place["since"] = _date(random)
    if random.random() < 0.5:
        place["names"] = [_string(random, True, 8) for _ in range(random.randrange(3))]
    if random.random() < 0.5:
        place["inner"] = {
            "share": _float(random),
            "open": random.random() < 0.5,
            "deep": {"mark": random.choice("xyz")},
        }
    return place


def _string(random: Random, controls: bool, longest: int) -> str:
    alphabet = _LETTERS if random.random() < 0.6 else _LETTERS + _MARKS + _WIDE + (_CONTROLS if controls else "")
    return "".join(random.choices(alphabet, k=random.randrange(longest + 1)))


def _long(random: Random) -> int:
    return random.choice(_LONGS) if random.random() < 0.2 else random.randrange(-(10**9), 10**9)


def _float(random: Random) -> float:
    return random.choice(_FLOATS) if random.random() < 0.2 else random.uniform(-1e6, 1e6)


def _date(random: Random) -> str:
    step = random.choice((1, 1_000, 1_000_000))
    at = _EPOCH + timedelta(microseconds=random.randrange(0, _DATE_SPAN_US, step))
    return at.isoformat().replace("+00:00", "Z")
