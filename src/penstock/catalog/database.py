"""The catalog: durable definitions, one database for all processes of a data directory."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, inspect, text

from penstock.catalog import audit, sqlite
from penstock.catalog.audit import AuditEntry
from penstock.catalog.counters import Counter, advance
from penstock.catalog.format import Unusable, check_format
from penstock.catalog.tables import REVISION
from penstock.catalog.writer import CatalogClosed, Writer
from penstock.model.datadir import DataDir

T = TypeVar("T")


class Catalog:
    """Reads run on the calling thread; writes on the process's one writer thread. The query functions that both take
    (`repos.get`, `exports.create`, ...) have the connection as their first parameter.

        catalog.read(lambda conn: repos.get(conn, owner, name))
        catalog.change(entry, lambda conn: repos.create(conn, draft)).result()

    Safe to use from any thread; not to be carried over a fork.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engines = sqlite.Engines(path)
        self._generation = sqlite.Generation(path)
        self._writer = Writer(self._engines.writer)
        self._closed = False

    @classmethod
    def open(cls, data: DataDir, *, migrate: bool = False) -> Self:
        """The catalog of a data directory. With `migrate` the directory is made if it is new, and tables of an older
        version are brought up to date; the server does so once, before its processes start. Raises Unusable."""
        if migrate:
            from penstock.catalog.migrate import migrate as run  # Alembic: not for every process

            run(data)
        check_format(data)
        if not data.catalog.exists():
            raise Unusable(f"{data.root} has no catalog: start `penstock serve` once, or restore a backup")
        try:
            catalog = cls(data.catalog)
            try:
                catalog._check_revision()
            except BaseException:
                catalog.close()
                raise
        except Exception as error:
            if sqlite.is_damaged(error):
                raise Unusable(f"{data.catalog} is damaged ({error}): restore a backup") from error
            raise
        return catalog

    def read(self, fn: Callable[[Connection], T]) -> T:
        """`fn` on one consistent snapshot, which cannot be written to. For short queries: the caller waits. Raises
        CatalogClosed and whatever `fn` raises."""
        if self._closed:
            raise CatalogClosed
        with self._engines.reader.connect() as conn:
            return fn(conn)

    def write(self, fn: Callable[[Connection], T]) -> Future[T]:
        """`fn` in a write transaction that it may share with others; it is undone alone when it raises. The future
        resolves when the commit is on disk, or fails with what `fn` raised, or with Overloaded. For what no cache holds
        and nobody audits; anything else is a `change`. Raises CatalogClosed."""
        return self._writer.submit(fn)

    def change(self, entry: AuditEntry, fn: Callable[[Connection], T]) -> Future[T]:
        """As `write`, for a change of a definition: its audit row and the new generation are part of the same
        transaction. The only place that writes either."""

        def audited(conn: Connection) -> T:
            result = fn(conn)
            audit.append(conn, entry)
            advance(conn, Counter.GENERATION)
            return result

        return self.write(audited)

    def generation(self) -> int:
        """A number that differs from an earlier one as soon as any process has committed a `change` in between: whoever
        keeps what it read here compares it at every use (`CatalogCache`). Costs a few microseconds."""
        if self._closed:
            raise CatalogClosed
        return self._generation.value()

    def backup(self, target: Path) -> None:
        """A consistent copy in a new file, while processes read and write."""
        sqlite.copy_to(self._path, target)

    def close(self) -> None:
        """Do what is queued to be written, then let go of the database."""
        self._writer.close()
        if not self._closed:
            self._closed = True
            self._generation.close()
            self._engines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_revision(self) -> None:
        def stamped(conn: Connection) -> str | None:
            if not inspect(conn).has_table("alembic_version"):
                return None
            return conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()

        revision = self.read(stamped)
        if revision != REVISION:
            raise Unusable(
                f"the catalog {self._path} has tables of version {revision}, this program needs {REVISION}: "
                "start `penstock serve` once, which brings older ones up to date"
            )
