"""`penstock owners`: who things belong to, and who may act for whom."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from penstock.cli.local_catalog import local_catalog, local_user
from penstock.cli.options import DataDirOption, JsonOption
from penstock.cli.output import report, table
from penstock.model.access import Role

app = typer.Typer(help="Owners (tenants) and the grants between them.", no_args_is_help=True)


@app.command("add")
def add(
    owner: str,
    name: Annotated[str, typer.Option(help="For people; default: the owner's id.")] = "",
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an owner; one that exists is left as it is."""
    from penstock.catalog import owners as queries
    from penstock.catalog.audit import AuditEntry

    entry = AuditEntry(owner=owner, principal=local_user(), action="owner.add", object=f"owner/{owner}")
    with local_catalog(data_dir, make=True) as (_, catalog):
        made = catalog.change(entry, lambda conn: queries.ensure(conn, owner, name)).result()
    report(made, as_json, lambda: print(f"owner {made.id} ({made.name})"))


@app.command("list")
def list_owners(data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List owners and what they have granted."""
    from penstock.catalog import owners as queries

    with local_catalog(data_dir) as (_, catalog):
        rows = catalog.read(
            lambda conn: [
                msgspec.structs.asdict(owner) | {"grants": queries.grants_of(conn, owner.id)}
                for owner in queries.list_all(conn)
            ]
        )
    report(
        rows,
        as_json,
        lambda: table(
            "Owners",
            ("id", "name", "grants"),
            [(r["id"], r["name"], "\n".join(f"{g.grantee}: {g.role}" for g in r["grants"])) for r in rows],
        ),
    )


@app.command("grant")
def grant(
    owner: str,
    grantee: str,
    role: Annotated[Role, typer.Option(help="What they may do there at most.")] = Role.EDITOR,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the keys of GRANTEE act for OWNER (X-Resource-Owner)."""
    from penstock.catalog import owners as queries
    from penstock.catalog.audit import AuditEntry

    entry = AuditEntry(
        owner=owner, principal=local_user(), action="grant.add", object=f"grant/{grantee}", detail={"role": role}
    )
    with local_catalog(data_dir) as (_, catalog):
        made = catalog.change(entry, lambda conn: queries.grant(conn, owner, grantee, role)).result()
    report(made, as_json, lambda: print(f"{grantee} may act for {owner} as {role}"))


@app.command("revoke")
def revoke(owner: str, grantee: str, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Take back what OWNER granted to GRANTEE."""
    from penstock.catalog import owners as queries
    from penstock.catalog.audit import AuditEntry

    entry = AuditEntry(owner=owner, principal=local_user(), action="grant.revoke", object=f"grant/{grantee}")
    with local_catalog(data_dir) as (_, catalog):
        gone = catalog.change(entry, lambda conn: queries.withdraw(conn, owner, grantee)).result()
    report(
        {"owner": owner, "grantee": grantee, "revoked": gone},
        as_json,
        lambda: print(
            f"{grantee} may no longer act for {owner}" if gone else f"{owner} had granted nothing to {grantee}"
        ),
    )
