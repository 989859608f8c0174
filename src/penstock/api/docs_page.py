"""The OpenAPI document as one page: no scripts, nothing to fetch from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}
code,pre{font:13px/1.45 ui-monospace,monospace;background:#f3f5f7;border-radius:4px}
code{padding:.1em .3em}pre{padding:.8em;overflow:auto}
details{border:1px solid #dde3e9;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}
summary{cursor:pointer}.m{display:inline-block;width:4.5em;font-weight:600;color:#0b6e99}
table{border-collapse:collapse}td,th{border:1px solid #dde3e9;padding:.2em .6em;text-align:left;vertical-align:top}
"""


def page(document: dict[str, Any]) -> str:
    """HTML for an OpenAPI document as `openapi.document` makes it."""
    info = document["info"]
    calls = "".join(
        _call(method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    shapes = "".join(
        f'<details id="{escape(name)}"><summary>{escape(name)}</summary>{_json(schema)}</details>'
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    auth = document["components"]["securitySchemes"]["pandora"]["description"]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f'<p>{escape(info["description"])} The same as data: <a href="/docs/openapi.json">openapi.json</a>.</p>'
        f"<p><b>Authorization</b>: {escape(auth)}</p><h2>Calls</h2>{calls}<h2>Shapes</h2>{shapes}</body></html>"
    )


def _call(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}</td>"
        f"<td>{escape(p.get('description', ''))}</td></tr>"
        for p in operation["parameters"]
    )
    table = f"<table><tr><th>parameter</th><th>in</th><th></th></tr>{rows}</table>" if rows else ""
    body = operation.get("requestBody")
    asks = f"<p>Body</p>{_json(body['content'])}" if body else ""
    return (
        f'<details><summary><span class="m">{method.upper()}</span> <code>{escape(path)}</code> '
        f"{escape(operation['summary'])}</summary><p>{escape(operation['description'])}</p>{table}{asks}"
        f"<p>Reply</p>{_json(operation['responses']['200']['content'])}</details>"
    )


def _json(value: object) -> str:
    return f"<pre>{escape(msgspec.json.format(msgspec.json.encode(value)).decode())}</pre>"
