"""The catalog of a data directory, for commands on the same machine, whether the server runs or not."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.cli.options import data_directory
from penstock.cli.output import plain_errors
from penstock.model.datadir import DataDir

if TYPE_CHECKING:
    from penstock.auth.keyring import KeyRing
    from penstock.catalog.database import Catalog


@contextmanager
def local_catalog(data_dir: Path | None, *, make: bool = False) -> Iterator[tuple[DataDir, Catalog]]:
    """Open for a `with` block. With `make` a new data directory is made ready first; a running server sees every change
    at its next request. Everything that a user can bring about is raised as `Refused`."""
    # imported here: `penstock serve` need not wait for what it does not use
    from penstock.auth.secrets import SecretsUnreadable
    from penstock.catalog.database import Catalog
    from penstock.catalog.format import Unusable

    data = data_directory(data_dir)
    with plain_errors(Unusable, SecretsUnreadable), Catalog.open(data, migrate=make) as catalog:
        yield data, catalog


def key_ring(data: DataDir, catalog: Catalog) -> KeyRing:
    """Raises SecretsUnreadable."""
    from penstock.auth.keyring import KeyRing
    from penstock.auth.secrets import SecretBox

    return KeyRing(catalog, SecretBox.of(data))


def local_user() -> str:
    """Who runs the command, for the audit trail."""
    return f"local command ({getpass.getuser()})"
