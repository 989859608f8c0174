"""Another process on the same catalog, for tests. Answers each line of stdin (a JSON array: command and arguments)
with a line of JSON; runs until its stdin ends. Started by path: `child.py <data directory>`."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from penstock.auth.keyring import KeyRing
from penstock.auth.secrets import SecretBox
from penstock.catalog import counters, repos
from penstock.catalog.audit import AuditEntry
from penstock.catalog.cache import CatalogCache
from penstock.catalog.database import Catalog
from penstock.model.datadir import DataDir
from penstock.model.errors import Problem
from penstock.model.repo import Repo
from penstock.model.schema import Field, Schema, ValType


class Commands:
    def __init__(self, data: DataDir) -> None:
        self._data = data
        self._catalog = Catalog.open(data)
        self._cache = CatalogCache(self._catalog, lambda conn, name: repos.find(conn, "o", name))
        self._ring = KeyRing(self._catalog, SecretBox.of(data))

    def generation(self) -> int:
        return self._catalog.generation()

    def create(self, name: str) -> int:
        draft = Repo(owner="o", name=name, incarnation=0, region="nb", schema=Schema((Field("f", ValType.STRING),)))
        entry = AuditEntry(owner="o", principal="child", action="repo.create", object=f"repo/{name}")
        return self._catalog.change(entry, lambda conn: repos.create(conn, draft)).result(60).incarnation

    def cached(self, name: str) -> int | None:
        found = self._cache.get(name)
        return found.incarnation if found else None

    def accepts(self, access_key: str) -> bool:
        return self._ring.lookup(access_key) is not None

    def hammer(self, prefix: str, writers: int, rounds: int) -> list[str]:
        """`writers` threads that each create `rounds` repos one by one; answers what went wrong."""

        def one(writer: int) -> list[str]:
            wrong = []
            for i in range(rounds):
                try:
                    self.create(f"{prefix}_{writer}_{i}")
                    self._catalog.read(lambda conn: repos.list_of(conn, "o"))
                except Exception as error:  # any error at all is a finding
                    wrong.append(repr(error))
            return wrong

        with ThreadPoolExecutor(writers) as pool:
            return [w for found in pool.map(one, range(writers)) for w in found]

    def count(self, rounds: int) -> list[int]:
        """Draw `rounds` incarnations, each in a transaction of its own."""
        draw = lambda conn: counters.advance(conn, counters.Counter.INCARNATION)  # noqa: E731
        return [self._catalog.write(draw).result(60) for _ in range(rounds)]


def main() -> None:
    commands = Commands(DataDir(Path(sys.argv[1])))
    answer(["ready"])
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer(["ok", getattr(commands, name)(*arguments)])
        except Problem as problem:
            answer(["problem", problem.kind, problem.message])


def answer(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


main()
