"""Why a text body was refused: every record on its own, in plain Python. Never asked about good bodies."""

from __future__ import annotations

from penstock.model.schema import Field, Schema, ValType
from penstock.records.refusal import KEY_CHARS, Fault, Refusals, shorten, unknown_field
from penstock.records.value_slow import missing_fault, text_fault


def explain_text(body: bytes, schema: Schema) -> None:
    """Raises `BadRecords` naming the bad records of the body; returns when there are none."""
    fields = {field.key: field for field in schema.fields}
    refusals = Refusals()
    index = 0
    for line in body.split(b"\n"):
        parts = [stripped for part in line.split(b"\t") if (stripped := part.lstrip(b" "))]
        if not parts:
            continue
        fault = _record_fault(parts, fields, schema.fields)
        if fault:
            refusals.add(index, fault)
        index += 1
    refusals.raise_any()


def _record_fault(parts: list[bytes], fields: dict[str, Field], order: tuple[Field, ...]) -> Fault | None:
    seen: set[str] = set()
    given: set[str] = set()
    for part in parts:
        try:
            text = part.decode()
        except UnicodeDecodeError as error:
            shown = part.decode("utf-8", "backslashreplace")
            key = shorten(shown.partition("=")[0], KEY_CHARS)
            reason = f"is not UTF-8: byte 0x{part[error.start]:02x} at byte {error.start} of the field"
            return Fault(key, shown, reason)
        key, equals, value = text.partition("=")
        if not equals:
            return Fault("", text, _no_equals(text))
        if key not in fields:
            return unknown_field("", key, value)
        if key in seen:
            return Fault(key, value, "the key comes twice in one record")
        seen.add(key)
        field = fields[key]
        if not value and field.valtype is not ValType.STRING:
            continue
        given.add(key)
        fault = text_fault(field, value) if value else None
        if fault:
            return fault
    return missing_fault(order, given)


def _no_equals(text: str) -> str:
    if text == "\r":
        return "a line holds only a carriage return: end lines with LF alone"
    return "is not key=value: fields are separated by one TAB, key and value by ="
