"""The command `penstock`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from penstock import __version__
from penstock.cli import audit, backup, doctor, keys, owners, serve, settings
from penstock.cli.output import Refused, report

app = typer.Typer(
    name="penstock",
    help="A self-hosted data pipeline server: HTTP in, schema'd queues, exports to files.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve.serve)
app.add_typer(keys.app, name="keys")
app.add_typer(owners.app, name="owners")
app.command("audit")(audit.audit)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("settings")(settings.settings)


@app.command("version")
def version(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print the version."""
    report({"version": __version__}, as_json, lambda: print(__version__))


def run() -> None:
    """Entry point. What is wrong is one line on standard error; the exit status is 1, or 2 for wrong usage."""
    try:
        app()
    except Refused as refused:
        print(f"penstock: {refused}", file=sys.stderr)
        sys.exit(1)
