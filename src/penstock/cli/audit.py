"""`penstock audit`: who changed what."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from penstock.cli.local_catalog import local_catalog
from penstock.cli.options import DataDirOption, JsonOption
from penstock.cli.output import report, table, time_text


def audit(
    owner: Annotated[str, typer.Option(help="Whose things were changed.")] = "default",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many entries.")] = 50,
    before: Annotated[int | None, typer.Option(help="Only entries older than the one of this id.")] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the audit trail of an owner, newest first."""
    from penstock.catalog.audit import list_of

    with local_catalog(data_dir) as (_, catalog):
        entries = catalog.read(lambda conn: list_of(conn, owner, before=before, limit=limit))
    columns = ("id", "time", "who", "did", "to", "request")
    rows = [[str(e.id), time_text(e.at_us), e.principal, e.action, e.object, e.request_id] for e in entries]
    report(msgspec.to_builtins(entries), as_json, lambda: table(f"Changes to {owner}", columns, rows))
