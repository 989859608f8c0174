"""docs/<sink>.md, made from the fields that a sink declares: `python -m penstock.connect.reference kodo` prints one."""

from __future__ import annotations

import sys
from typing import Any

from penstock.connect.registry import sink_type
from penstock.connect.sink_field import SinkField


def markdown(name: str) -> str:
    """The whole page of that sink."""
    sink = sink_type(name)
    return "\n".join(
        [
            f"# Export type `{name}`",
            "",
            f"Made by `make docs` from the fields that the sink declares. Delivery: **{sink.delivery}**. "
            "An absent, null or",
            "empty value takes the default; unknown keys are ignored; a secret is shown masked and keeps its value "
            "when the",
            "mask is sent back.",
            "",
            "| field | type | default | what | in the contract |",
            "|---|---|---|---|---|",
            *(_row(field) for field in sink.fields),
            "",
        ]
    )


def _row(field: SinkField) -> str:
    default = "**required**" if field.required else _shown(field.fallback())
    what = field.description + (f" (one of {', '.join(field.choices)})" if field.choices else "")
    return f"| `{field.name}` | {field.kind} | {default} | {what}{'; secret' if field.secret else ''} | {field.word} |"


def _shown(value: Any) -> str:
    return f"`{value}`" if value not in ("", {}) else "empty"


if __name__ == "__main__":
    sys.stdout.write(markdown(sys.argv[1]))
