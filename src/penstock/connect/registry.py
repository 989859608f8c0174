"""The types of export that this server has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.connect.interface import SinkType
from penstock.connect.sink_field import mask_fields
from penstock.connect.sinks.kodo import KODO
from penstock.model.errors import Kind, Problem

SINK_TYPES: Mapping[str, SinkType] = {sink.name: sink for sink in (KODO,)}
"""Every type by its name in the API."""


def sink_type(name: object) -> SinkType:
    """The type of that name; raises Problem (EXPORT_TYPE) naming those there are."""
    found = SINK_TYPES.get(name) if isinstance(name, str) else None
    if found is None:
        raise Problem(
            Kind.EXPORT_TYPE,
            f"type {name!r:.60} is not one that this server exports to: {', '.join(sorted(SINK_TYPES))}",
        )
    return found


def mask_spec(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A stored spec as a reply may show it: secrets are replaced by a fixed mask."""
    return mask_fields(sink_type(name).fields, spec)
