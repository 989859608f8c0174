"""Brings a data directory up to date before a server's processes start: tables, log, first admin key."""

from __future__ import annotations

from pathlib import Path

import structlog

from penstock.auth.keyring import KeyRing, ensure_admin
from penstock.auth.secrets import SecretBox
from penstock.catalog.database import Catalog
from penstock.log.recovery import recover_all
from penstock.model.datadir import DataDir
from penstock.server.control import Control
from penstock.server.messages import Prepared

log = structlog.stdlib.get_logger()


def prepare(control: Control) -> None:
    """Report `Prepared` when the data directory is ready for use. Raises Unusable, SecretsUnreadable, OSError."""
    data = DataDir(Path(control.settings.server.data_dir).absolute())
    with Catalog.open(data, migrate=True) as catalog:
        report = recover_all(data)
        log.info("log recovered", partitions=report.partitions, cut_bytes=report.cut_bytes)
        for queue, partition, damage in report.damaged:
            log.error("log damaged", queue=str(queue), partition=partition, reason=str(damage))
        made = ensure_admin(KeyRing(catalog, SecretBox.of(data)), catalog, data)
    control.report(Prepared(made.access_key, made.secret_key) if made else Prepared())
