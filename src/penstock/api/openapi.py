"""The OpenAPI document, made from the route tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from penstock import __version__
from penstock.api.routes import Route
from penstock.model.schema import Field

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "description": "E-code, colon, what is wrong and what to do; or `bad token`"},
        "total": {"type": "integer", "description": "refused records"},
        "records": {"type": "array", "items": {"type": "object"}, "description": "at most 20 of them"},
    },
}
REQID = {"X-Reqid": {"description": "id of the request, also in the server's log", "schema": {"type": "string"}}}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """OpenAPI 3.1 of these routes. Component names are the types' own."""
    types = {t for r in routes for t in (r.body, r.reply) if t is not None} | {Field}
    ordered = sorted(types, key=str)
    schemas, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(ordered, schemas, strict=True))
    components["Error"] = ERROR
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Penstock pipeline API",
            "version": __version__,
            "description": "Message queues and exports, as the Pandora pipeline clients speak them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"pandora": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "pandora": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "Pandora <ak>:<sign>, or Pandora <ak>:<sign>:<token>; the sign covers method, path, "
                    "Content-MD5, Content-Type, Date and X-Qiniu-* headers. See docs/authentication.md.",
                }
            },
        },
    }


def _operation(route: Route, by_type: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}",
        "summary": route.summary,
        "description": (route.handler.__doc__ or "").strip(),
        "x-action": str(route.action),
        "parameters": [
            {"name": part, "in": "path", "required": True, "schema": {"type": "string"}} for part in _parts(route)
        ]
        + [
            {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": "string"}}
            for name, text in route.query
        ],
        "responses": {
            "200": {
                "description": "done",
                "headers": REQID,
                "content": {"application/json": {"schema": by_type[route.reply]}},
            },
            "default": {
                "description": "refused",
                "headers": REQID,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if route.body is not None:
        schema = by_type[route.body]
        if route.needs:
            schema = {"allOf": [schema], "required": list(route.needs)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif route.data:
        text = {"schema": {"type": "string"}, "example": "f1=hello\tf2=1.5\nf1=again\tf2=2\n"}
        records = {"schema": {"type": "array", "items": {"type": "object"}}}
        operation["requestBody"] = {"required": True, "content": {"text/plain": text, "application/json": records}}
    return operation


def _parts(route: Route) -> list[str]:
    return [p[1:-1] for p in route.template.split("/") if p.startswith("{")]
