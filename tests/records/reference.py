"""What the decoders must do, written a second time: plainly, a record at a time, without Arrow, numpy or msgspec.

`read_text` and `read_json` give a list with one entry a record: its values ({key: value or None}) or `BAD`. Values are
what `RecordBatch.to_pylist` gives, except that an embedded JSON value of a jsonstring field is an `Embedded`."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from penstock.model.schema import ElemType, Field, Schema, ValType

DEEPEST = 128
ASCII_DIGITS = frozenset("0123456789")


class Wrong(Exception):
    """The value, the record or the body is refused."""


BAD = Wrong("record")


@dataclass(frozen=True)
class Embedded:
    """A JSON value that must be kept as a text that means the same."""

    value: Any

    def same(self, text: str) -> bool:
        return bool(strict_json(text) == self.value)


# --- text ---


def read_text(body: bytes, schema: Schema, unescape: bool) -> list[Any]:
    records = []
    for line in body.split(b"\n"):
        parts = [part.lstrip(b" ") for part in line.split(b"\t")]
        parts = [part for part in parts if part != b""]
        if parts:
            records.append(text_record(parts, schema, unescape))
    return records


def text_record(parts: list[bytes], schema: Schema, unescape: bool) -> Any:
    values: dict[str, Any] = {}
    try:
        for part in parts:
            text = part.decode("utf-8")
            at = text.index("=")
            field = schema.get(text[:at])
            if field is None or field.key in values:
                return BAD
            values[field.key] = text_value(field, text[at + 1 :], unescape)
    except (Wrong, ValueError):
        return BAD
    return completed(schema.fields, values)


def completed(fields: tuple[Field, ...], values: dict[str, Any]) -> Any:
    if any(f.required and values.get(f.key) is None for f in fields):
        return BAD
    return {f.key: values.get(f.key) for f in fields}


def text_value(field: Field, text: str, unescape: bool) -> Any:
    kind = field.valtype
    if kind is ValType.STRING:
        return text.replace("\\t", "\t").replace("\\n", "\n") if unescape else text
    if text == "":
        return None
    if kind is ValType.BOOLEAN:
        return {"true": True, "false": False}[text] if text in ("true", "false") else wrong()
    if kind is ValType.LONG:
        return long_value(text)
    if kind is ValType.FLOAT:
        return float_value(text)
    if kind is ValType.DATE:
        return date_value(text)
    if kind is ValType.IP:
        return ip_value(text)
    value = strict_json(text)
    if kind is ValType.JSONSTRING:
        return text
    return wrong() if value is None else json_value(field, value)


# --- JSON ---


def read_json(body: bytes, schema: Schema) -> list[Any]:
    """Raises Wrong when the body is not JSON at all."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Wrong from None
    values = parse(text, DEEPEST + 16) if text.lstrip(" \t\r\n").startswith("[") else sequence(text)
    return [json_record(value, schema) for value in values]


def sequence(text: str) -> list[Any]:
    values = []
    rest = text.strip(" \t\r\n")
    while rest:
        end = ending(rest)
        values.append(parse(rest[:end], DEEPEST + 16))
        rest = rest[end:].strip(" \t\r\n")
    return values


def ending(text: str) -> int:
    """Where the first JSON value ends, going by brackets and quotes alone; other values go to the next bracket."""
    open_brackets, quoted, skip = 0, False, False
    for at, char in enumerate(text):
        if skip:
            skip = False
        elif quoted:
            skip, quoted = char == "\\", char != '"'
            if not quoted and not open_brackets:
                return at + 1
        elif char == '"':
            if at and not open_brackets:
                return at
            quoted = True
        elif char in "[{":
            if at and not open_brackets:
                return at
            open_brackets += 1
        elif char in "]}":
            open_brackets -= 1
            if open_brackets <= 0:
                return at + 1
        elif char in " \t\r\n" and not open_brackets:
            return at
    return len(text)


def json_record(value: Any, schema: Schema) -> Any:
    try:
        check_strings(value)
        return json_object(schema.fields, value)
    except (Wrong, UnicodeEncodeError):
        return BAD


def json_object(fields: tuple[Field, ...], value: Any) -> Any:
    if not isinstance(value, Object):
        raise Wrong
    by_key = {f.key: f for f in fields}
    keys = [key for key, _ in value.members]
    if len(set(keys)) != len(keys) or not set(keys) <= set(by_key):
        raise Wrong
    values = {key: None if inner is None else json_value(by_key[key], inner) for key, inner in value.members}
    record = completed(fields, values)
    return wrong() if record is BAD else record


def json_value(field: Field, value: Any) -> Any:
    kind = field.valtype
    if kind is ValType.MAP:
        return json_object(field.schema, value)
    if kind is ValType.ARRAY:
        return [json_scalar(field.elemtype, v) for v in value] if type(value) is list else wrong()
    if kind is ValType.JSONSTRING:
        if isinstance(value, str):
            strict_json(value)
            return value
        if isinstance(value, (Object, list)) and nesting(value) <= DEEPEST:
            return Embedded(value)
        return wrong()
    if kind in (ValType.DATE, ValType.IP):
        text = value if isinstance(value, str) else wrong()
        return date_value(text) if kind is ValType.DATE else ip_value(text)
    return json_scalar(ElemType(str(kind)), value)


def json_scalar(kind: ElemType | None, value: Any) -> Any:
    if kind is ElemType.STRING and isinstance(value, str):
        return value
    if kind is ElemType.BOOLEAN and isinstance(value, bool):
        return value
    if kind is ElemType.LONG and isinstance(value, Literal):
        return long_value(value.text)
    if kind is ElemType.FLOAT and isinstance(value, Literal):
        return float_value(value.text)
    raise Wrong


@dataclass(frozen=True)
class Object:
    members: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Literal:
    """A number as written."""

    text: str


def strict_json(text: str) -> Any:
    value = parse(text, DEEPEST)
    try:
        check_strings(value)
    except UnicodeEncodeError:
        raise Wrong from None
    return value


def parse(text: str, limit: int) -> Any:
    try:
        value = json.loads(
            text,
            object_pairs_hook=lambda members: Object(tuple(members)),
            parse_int=Literal,
            parse_float=Literal,
            parse_constant=lambda _: wrong(),
        )
    except (ValueError, RecursionError):
        raise Wrong from None
    return wrong() if nesting(value) > limit else value


def check_strings(value: Any) -> None:
    if isinstance(value, str):
        value.encode("utf-8")  # UnicodeEncodeError for lone surrogates
    elif isinstance(value, list):
        for inner in value:
            check_strings(inner)
    elif isinstance(value, Object):
        for key, inner in value.members:
            check_strings(key)
            check_strings(inner)


def nesting(value: Any) -> int:
    if isinstance(value, list):
        return 1 + max(map(nesting, value), default=0)
    if isinstance(value, Object):
        return 1 + max((nesting(inner) for _, inner in value.members), default=0)
    return 0


# --- scalars ---


def wrong() -> Any:
    raise Wrong


def long_value(text: str) -> int:
    digits = text[1:] if text.startswith("-") else text
    if not digits or not set(digits) <= ASCII_DIGITS:
        raise Wrong
    digits = digits.lstrip("0") or "0"
    if len(digits) > 19:
        raise Wrong
    value = -int(digits) if text.startswith("-") else int(digits)
    return value if -(2**63) <= value <= 2**63 - 1 else wrong()


def float_value(text: str) -> float:
    if not set(text) <= ASCII_DIGITS | set("-+.eE") or text.startswith("+"):
        raise Wrong
    try:
        value = float(text)
    except ValueError:
        raise Wrong from None
    return wrong() if value in (float("inf"), float("-inf")) else value


def date_value(text: str) -> datetime:
    if len(text) < 20 or not text.isascii() or text[10] not in "Tt":
        raise Wrong
    zone_at = len(text) - 1 if text[-1] in "Zz" else len(text) - 6
    moment, zone = text[:zone_at], text[zone_at:]
    seconds, dot, fraction = moment.partition(".")
    if len(seconds) != 19 or (dot and not (fraction and set(fraction) <= ASCII_DIGITS)):
        raise Wrong
    if any(seconds[i] not in ASCII_DIGITS for i in (0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18)):
        raise Wrong
    if (seconds[4], seconds[7], seconds[13], seconds[16]) != ("-", "-", ":", ":"):
        raise Wrong
    if zone not in ("Z", "z"):
        digits = zone[1:3] + zone[4:6]
        if zone[0] not in "+-" or zone[3] != ":" or not set(digits) <= ASCII_DIGITS:
            raise Wrong
        if int(zone[1:3]) > 23 or int(zone[4:6]) > 59:
            raise Wrong
    try:
        iso = f"{seconds[:10]}T{seconds[11:]}.{fraction[:6].ljust(6, '0')}{'+00:00' if zone in 'Zz' else zone}"
        return datetime.fromisoformat(iso).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong from None


def ip_value(text: str) -> str:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        return text
    raise Wrong
