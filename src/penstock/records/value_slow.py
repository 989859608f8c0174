"""What is wrong with a value, one at a time: the readable twin of the fast casts, asked only about refused bodies."""

from __future__ import annotations

import ipaddress
import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from penstock.model.errors import Kind
from penstock.model.schema import ElemType, Field, ValType
from penstock.records.json_text import MAX_DEPTH, depth
from penstock.records.refusal import Fault, unknown_field

_INTEGER = re.compile(r"-?0*([0-9]+)")
_NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_TOO_DEEP = f"nests deeper than {MAX_DEPTH} levels"
_DATE_FORM = "an RFC 3339 date with a zone, such as 2017-01-02T03:04:05Z or 2017-01-02T03:04:05.678+08:00"


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """A JSON object with its keys in the order in which they came, twice if they came twice."""

    __slots__ = ()


def parse_json(text: str) -> Any:
    """One JSON value: objects as `Members`, numbers as `Number`. Raises ValueError when it is not strict JSON."""
    if depth(text) > MAX_DEPTH:
        raise ValueError(_TOO_DEEP)
    return JSON.decode(text)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


JSON = json.JSONDecoder(object_pairs_hook=Members, parse_int=Number, parse_float=Number, parse_constant=_no_constant)


def text_fault(field: Field, text: str) -> Fault | None:
    """Why the text format refuses `text` as a value of that field. Call it not with an empty text."""
    match field.valtype:
        case ValType.STRING:
            return None
        case ValType.LONG:
            reason = _long_reason(text)
        case ValType.FLOAT:
            reason = _float_reason(text)
        case ValType.BOOLEAN:
            reason = None if text in ("true", "false") else "must be true or false"
        case ValType.DATE:
            reason = date_reason(text)
        case ValType.IP:
            reason = address_reason(text)
        case ValType.JSONSTRING:
            reason = json_text_reason(text)
        case ValType.ARRAY | ValType.MAP:
            try:
                value = parse_json(text)
            except ValueError as error:
                return Fault(field.key, text, f"is not JSON text: {error}")
            return json_fault(field, value, field.key)
    if reason and text.endswith("\r"):
        reason += " (the line ends with a carriage return: end lines with LF alone)"
    return Fault(field.key, text, reason) if reason else None


def json_fault(field: Field, value: Any, path: str) -> Fault | None:
    """Why JSON refuses `value`, as `parse_json` gave it and not null, as a value of that field."""
    reason: str | None = None
    match field.valtype:
        case ValType.MAP:
            if isinstance(value, Members):
                return members_fault(field.schema, value, f"{path}.")
            reason = "must be a JSON object"
        case ValType.ARRAY:
            if isinstance(value, list) and not isinstance(value, Members):
                return _elements_fault(field, value, path)
            reason = "must be a JSON array"
        case ValType.JSONSTRING:
            if type(value) is str:
                reason = lone_surrogate_reason(value) or json_text_reason(value)
            elif isinstance(value, list):
                reason = _inner_surrogate_reason(value) or (_TOO_DEEP if _levels(value) > MAX_DEPTH else None)
            else:
                reason = "must be a string that holds JSON text, or a JSON object or array"
        case ValType.DATE | ValType.IP if type(value) is str:
            reason = date_reason(value) if field.valtype is ValType.DATE else address_reason(value)
        case ValType.DATE | ValType.IP:
            reason = "must be a JSON string"
        case _:
            reason = _scalar_reason(field.valtype, value)
    return Fault(path, show(value), reason) if reason else None


def members_fault(fields: tuple[Field, ...], members: Members, prefix: str = "") -> Fault | None:
    """The first fault of an object that should have those fields."""
    by_key = {field.key: field for field in fields}
    seen: set[str] = set()
    given: set[str] = set()
    for key, value in members:
        if key not in by_key:
            return unknown_field(prefix, key, show(value))
        if key in seen:
            return Fault(prefix + key, show(value), "the key comes twice in one object")
        seen.add(key)
        if value is None:
            continue
        given.add(key)
        fault = json_fault(by_key[key], value, prefix + key)
        if fault:
            return fault
    return missing_fault(fields, given, prefix)


def missing_fault(fields: tuple[Field, ...], given: set[str], prefix: str = "") -> Fault | None:
    """The first required field that was not given."""
    for field in fields:
        if field.required and field.key not in given:
            return Fault(prefix + field.key, "", "is required and has no value", Kind.REQUIRED_MISSING)
    return None


def show(value: Any) -> str:
    """A parsed JSON value as text, for people."""
    if isinstance(value, str):
        return value
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Members):
        return {key: _plain(inner) for key, inner in value}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _levels(value: Any) -> int:
    if isinstance(value, list):
        return 1 + max((_levels(v[1] if isinstance(value, Members) else v) for v in value), default=0)
    return 0


def _elements_fault(field: Field, elements: list[Any], path: str) -> Fault | None:
    assert field.elemtype is not None
    for i, element in enumerate(elements):
        reason = "an element may not be null" if element is None else _scalar_reason(field.elemtype, element)
        if reason:
            return Fault(f"{path}[{i}]", show(element), reason)
    return None


def _scalar_reason(kind: ValType | ElemType, value: Any) -> str | None:
    match str(kind):
        case "boolean":
            return None if isinstance(value, bool) else "must be true or false"
        case "long":
            return _long_reason(value) if isinstance(value, Number) else "must be a JSON number without a fraction"
        case "float":
            return _float_reason(value) if isinstance(value, Number) else "must be a JSON number"
    return lone_surrogate_reason(value) if type(value) is str else "must be a JSON string"


def _long_reason(text: str) -> str | None:
    match = _INTEGER.fullmatch(text)
    if not match:
        return "must be a decimal integer"
    if len(match[1]) > 19 or not -(2**63) <= int(text) < 2**63:
        return "does not fit 64 bits"
    return None


def _float_reason(text: str) -> str | None:
    if not _NUMBER.fullmatch(text):
        return "must be a decimal number, with or without an exponent"
    return None if math.isfinite(float(text)) else "is too large for a 64-bit float"


def date_reason(text: str) -> str | None:
    match = _DATE.fullmatch(text)
    if not match:
        return f"must be {_DATE_FORM}"
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    sign, hours, minutes = match.groups()[7:]
    try:
        zone = UTC
        if sign:
            if int(minutes) > 59:
                return "has a zone that does not exist"
            zone = timezone((1 if sign == "+" else -1) * timedelta(hours=int(hours), minutes=int(minutes)))
        datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
    except ValueError as error:
        return f"does not exist: {error}"
    except OverflowError:
        return "lies outside the years 1 to 9999 of UTC"
    return None


def address_reason(text: str) -> str | None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return "must be an IPv4 or IPv6 address"
    return "must be an IPv6 address without a zone" if "%" in text else None


def json_text_reason(text: str) -> str | None:
    """Why the text is not one JSON value."""
    try:
        value = parse_json(text)
    except ValueError as error:
        return f"is not JSON text: {error}"
    return _inner_surrogate_reason(value)


def lone_surrogate_reason(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "has half of a surrogate pair (a \\ud800 to \\udfff escape on its own)"
    return None


def _inner_surrogate_reason(value: Any) -> str | None:
    if isinstance(value, Members):
        return next(filter(None, (lone_surrogate_reason(k) or _inner_surrogate_reason(v) for k, v in value)), None)
    if isinstance(value, list):
        return next(filter(None, map(_inner_surrogate_reason, value)), None)
    return lone_surrogate_reason(value) if isinstance(value, str) else None
