"""How a format's fixture was made: `python make.py <new empty folder>` with the version that writes it. A fixture that
was released is never made again: what it shows is that old data still opens."""

from __future__ import annotations

import sys
from pathlib import Path

from sqlalchemy import Connection

from penstock.auth.keyring import KeyRing
from penstock.auth.secrets import SecretBox
from penstock.catalog import buckets, exports, owners, repos
from penstock.catalog.audit import AuditEntry
from penstock.catalog.database import Catalog
from penstock.model.access import Role
from penstock.model.datadir import DataDir
from penstock.model.flow import Export
from penstock.model.repo import Repo, RepoOptions
from penstock.model.schema import ElemType, Field, Schema, ValType

FIELDS = (
    Field("s", ValType.STRING, required=True, description="文本"),
    Field("n", ValType.LONG),
    Field("m", ValType.MAP, schema=(Field("x", ValType.DATE),)),
    Field("a", ValType.ARRAY, ElemType.FLOAT),
    Field("ip", ValType.STRING),
    Field("at", ValType.DATE),
)


def repo(name: str, fields: tuple[Field, ...], **more: object) -> Repo:
    return Repo(owner="default", name=name, incarnation=0, region="nb", schema=Schema(fields), **more)


def fill(conn: Connection) -> None:
    src = repos.create(conn, repo("src", FIELDS, options=RepoOptions(with_ip="ip", with_timestamp="at")))
    repos.create(conn, repo("gone", FIELDS[:1]))
    repos.delete(conn, "default", "gone")
    repos.create(conn, repo("target", FIELDS[:1], derived_from="tr"))
    spec = {"bucket": "weblogs", "keyPrefix": "logs/", "format": "parquet"}
    for name in ("ex", "gone"):
        exports.create(
            conn, Export(id=0, queue=src.queue, name=name, type="kodo", spec=spec, whence="oldest", start={0: 3})
        )
    exports.delete(conn, "default", "src", "gone")
    buckets.claim(conn, "default", "weblogs")
    owners.ensure(conn, "9", "Team Nine")
    owners.grant(conn, "default", "9", Role.VIEWER)


def main() -> None:
    data = DataDir(Path(sys.argv[1]))
    with Catalog.open(data, migrate=True) as catalog:
        ring = KeyRing(catalog, SecretBox.of(data))
        ring.add("default", Role.ADMIN, by="fixture", access_key="test_ak", secret_key="test_sk").result()
        entry = AuditEntry(owner="default", principal="fixture", action="fixture", object="all")
        catalog.change(entry, fill).result()


main()
