"""docs/api.md, made from the route tables and the error table: `python -m penstock.api.reference` prints it."""

from __future__ import annotations

import sys

from penstock.api.pipeline.errors import TABLE
from penstock.api.pipeline.table import ROUTES


def markdown() -> str:
    """The whole page."""
    lines = [
        "# Calls and errors of the pipeline API",
        "",
        "Made by `make docs` from the route table; `/docs` of a running server shows the same with every shape.",
        "",
        "| method | path | what | needs |",
        "|---|---|---|---|",
        *(f"| {r.method} | `{r.template}` | {r.summary} | {r.action} |" for r in ROUTES),
        "| GET | `/healthz` | The process is alive | - |",
        "| GET | `/readyz` | Posts would be taken | - |",
        "| GET | `/metrics` | Prometheus metrics | - |",
        "| GET | `/docs`, `/docs/openapi.json` | This API as a page and as OpenAPI 3.1 | - |",
        "",
        "## Query parameters",
        "",
        "| call | parameter | meaning |",
        "|---|---|---|",
        *(f"| {r.method} `{r.template}` | `{name}` | {text} |" for r in ROUTES for name, text in r.query),
        "",
        "## Errors",
        "",
        'The body is `{"error": "<code>: <text>"}`; a refused data body also lists `total` and `records`.',
        "",
        "| status | code | when |",
        "|---|---|---|",
        *(
            f"| {status} | {code or '`bad token`'} | {kind} |"
            for kind, (status, code) in sorted(TABLE.items(), key=lambda row: (row[1][1], row[1][0]))
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(markdown())
