"""`penstock doctor`."""

from __future__ import annotations

import typer

from penstock.cli.options import DataDirOption, JsonOption, data_directory
from penstock.cli.output import Refused, report, table


def doctor(data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Verify a data directory: format, catalog, keys, every frame of the log, journals, ledgers. Exit status 1 when
    something is wrong. Changes nothing; the server may run."""
    from penstock.server.checkup import examine

    data = data_directory(data_dir)
    if not data.root.is_dir():
        raise Refused(f"{data.root}: there is no such directory")
    found = examine(data)

    def show() -> None:
        print("looked at " + (", ".join(f"{n} {name}" for name, n in found.looked_at.items()) or "nothing"))
        rows = [(c.part, c.where, c.problem) for c in found.complaints]
        if rows:
            table("What is wrong", ("part", "where", "problem"), rows)
        else:
            print("all is well")

    report(found, as_json, show)
    if found.complaints:
        raise typer.Exit(1)
