"""docs/commands.md, made from the commands themselves: `python -m penstock.cli.reference` prints it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from penstock.cli.main import app


def markdown() -> str:
    """The whole page."""
    lines = ["# Commands", "", "Made by `make docs` from the commands' own help; `--help` shows the same.", ""]
    for name, command in _commands("penstock", get_command(app)):
        lines += [f"## `{name}`", "", (command.help or "").strip(), ""]
        rows = [_row(p) for p in command.params if p.name != "help"]
        if rows:
            lines += ["| option or argument | what | default |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word in sorted(inner):
        yield from _commands(f"{name} {word}", inner[word])


def _row(parameter: Any) -> str:
    is_option = parameter.param_type_name == "option"
    names = ", ".join(f"`{n}`" for n in parameter.opts) if is_option else f"`{parameter.name.upper()}`"
    about = " ".join((parameter.help or "").split())
    default = parameter.default
    shown = "required" if parameter.required else "" if default in (None, False, ()) else f"`{default}`"
    return f"| {names} | {about} | {shown} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
