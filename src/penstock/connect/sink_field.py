"""The declared fields of a sink's spec: the one source of its validation, its masks and its documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from penstock.model.errors import Kind, Problem

MASK = "********"
"""What a reply shows for a secret that is set; a PUT that sends it back keeps the stored value."""


class FieldKind(StrEnum):
    """JSON type of a spec's field."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    MAPPING = "object of strings"


_EMPTY: dict[FieldKind, Any] = {
    FieldKind.STRING: "",
    FieldKind.INTEGER: 0,
    FieldKind.BOOLEAN: False,
    FieldKind.MAPPING: {},
}


@dataclass(frozen=True, slots=True)
class SinkField:
    """One key of a spec. `default` replaces an absent, null or empty ("" or 0) value, since the vendor's clients send
    every key; `word` is the contract's own word for it; `choices` are the legal values, if they are few."""

    name: str
    kind: FieldKind
    description: str
    word: str = ""
    default: Any = None
    required: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()

    def fallback(self) -> Any:
        """The default, or the kind's empty value where none was declared."""
        return _EMPTY[self.kind] if self.default is None else self.default


def read_fields(
    fields: Iterable[SinkField], raw: Mapping[str, Any], stored: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The declared keys of `raw` with defaults filled in; other keys are left out, since clients send extra ones.
    `stored` is the spec that an update replaces: a secret sent back as the mask keeps its value. Raises Problem
    (EXPORT_INVALID) naming the key."""
    return {field.name: _read(field, raw.get(field.name), stored or {}) for field in fields}


def mask_fields(fields: Iterable[SinkField], spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec as a reply may show it."""
    secrets = {field.name for field in fields if field.secret}
    return {key: MASK if key in secrets and value else value for key, value in spec.items()}


def without_secrets(fields: Iterable[SinkField], spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec as files other than the catalog may hold it."""
    secrets = {field.name for field in fields if field.secret}
    return {key: value for key, value in spec.items() if key not in secrets}


def _read(field: SinkField, value: Any, stored: Mapping[str, Any]) -> Any:
    if value is None or (value == _EMPTY[field.kind] and type(value) is type(_EMPTY[field.kind])):
        if field.required:
            raise Problem(Kind.EXPORT_INVALID, f"spec.{field.name} is missing: it is required")
        return field.fallback()
    shown = MASK if field.secret else _shown(value)
    if not _fits(field.kind, value):
        raise Problem(Kind.EXPORT_INVALID, f"spec.{field.name} must be of type {field.kind}, not {shown}")
    if field.kind is FieldKind.INTEGER and not -(2**63) <= value < 2**63:
        raise Problem(Kind.EXPORT_INVALID, f"spec.{field.name} does not fit into 64 bits")
    if field.choices and value not in field.choices:
        raise Problem(
            Kind.EXPORT_INVALID, f"spec.{field.name} is {shown}: it must be one of {', '.join(field.choices)}"
        )
    if field.secret and value == MASK:
        return stored.get(field.name, field.fallback())
    return value


def _fits(kind: FieldKind, value: Any) -> bool:
    match kind:
        case FieldKind.STRING:
            return isinstance(value, str)
        case FieldKind.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case FieldKind.BOOLEAN:
            return isinstance(value, bool)
        case FieldKind.MAPPING:
            return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
