"""`penstock keys`: access keys."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.local_catalog import key_ring, local_catalog, local_user
from penstock.cli.options import DataDirOption, JsonOption
from penstock.cli.output import report, table, time_text
from penstock.model.access import Role

app = typer.Typer(help="Access keys. Changes hold at once, also in a running server.", no_args_is_help=True)


@app.command("add")
def add(
    owner: Annotated[str, typer.Option(help="Whom the key acts for; made if new.")] = "default",
    role: Annotated[Role, typer.Option(help="What the key may do.")] = Role.EDITOR,
    access_key: Annotated[str | None, typer.Option(help="Generated if not given.")] = None,
    secret_key: Annotated[str | None, typer.Option(help="Generated if not given.")] = None,
    label: Annotated[str, typer.Option(help="For people.")] = "",
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a key and print it; the secret is shown this once. Works before the server's first start too."""
    with local_catalog(data_dir, make=True) as (data, catalog):
        made = (
            key_ring(data, catalog)
            .add(owner, role, by=local_user(), label=label, access_key=access_key, secret_key=secret_key)
            .result()
        )
    shown = {"access_key": made.access_key, "secret_key": made.secret_key, "owner": owner, "role": str(role)}
    lines = "\n".join(f"{name.replace('_', ' '):<12}{text}" for name, text in shown.items())
    report(shown, as_json, lambda: print(lines))


@app.command("list")
def list_keys(
    owner: Annotated[str | None, typer.Option(help="Only this owner's.")] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List keys, revoked ones too; never their secrets."""
    with local_catalog(data_dir) as (data, catalog):
        keys = key_ring(data, catalog).list_of(owner)
    rows = [
        {
            "access_key": key.access_key,
            "owner": key.owner,
            "role": str(key.role),
            "label": key.label,
            "created": time_text(key.created_at_us),
            "revoked": time_text(key.revoked_at_us),
        }
        for key in keys
    ]
    columns = ("access_key", "owner", "role", "label", "created", "revoked")
    report(rows, as_json, lambda: table("Access keys", columns, [[row[c] for c in columns] for row in rows]))


@app.command("revoke")
def revoke(access_key: str, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Revoke a key: no request signed with it is taken any more. It cannot be undone."""
    with local_catalog(data_dir) as (data, catalog):
        gone = key_ring(data, catalog).revoke(access_key, by=local_user()).result()
    shown = {"access_key": gone.access_key, "owner": gone.owner, "revoked": time_text(gone.revoked_at_us)}
    report(shown, as_json, lambda: print(f"revoked {gone.access_key} of {gone.owner}"))
