"""`penstock settings`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from penstock.cli.options import ConfigOption, DataDirOption, JsonOption, load_settings
from penstock.cli.output import report, table
from penstock.server.secrets import masked
from penstock.server.settings import Settings
from penstock.server.settings_reference import markdown, reference, shown


def settings(
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/settings.md: the reference.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print every setting with its default and the value in force."""
    if as_markdown:
        print(markdown(Settings), end="")
        return
    current = load_settings(data_dir, config)

    def value(section: str, name: str) -> Any:
        return masked(name, msgspec.to_builtins(getattr(getattr(current, section), name)))

    rows = [(s, value(s.section, s.name)) for s in reference(Settings)]
    report(
        {s.key: {"value": v, "default": s.default, "allowed": s.allowed, "about": s.about} for s, v in rows},
        as_json,
        lambda: table(
            "Settings",
            ("setting", "value", "default", "what it is"),
            [
                (s.key, shown(v), "" if v == msgspec.to_builtins(s.default) else shown(s.default), s.about)
                for s, v in rows
            ],
        ),
    )
