"""Makes what the faces of one API process stand on, and lets go of it in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from penstock.api.services import Services
from penstock.auth.keyring import KeyRing
from penstock.auth.pandora import PandoraVerifier
from penstock.auth.secrets import SecretBox
from penstock.catalog.database import Catalog
from penstock.connect.buckets import Buckets
from penstock.log import open_reader, open_writer
from penstock.model.datadir import DataDir
from penstock.server import metrics
from penstock.server.flow_metrics import FlowCollector
from penstock.server.measured_log import MeasuredWriter
from penstock.server.settings import Settings

THREADS = max(2, os.cpu_count() or 2)
"""Threads of an API process for what would hold up its event loop."""


@contextmanager
def api_services(settings: Settings) -> Iterator[Services]:
    """For a `with` block. At its end the log writer flushes what is queued before it lets go of its partition."""
    data = DataDir(Path(settings.server.data_dir).absolute())
    with ExitStack() as stack:
        catalog = stack.enter_context(Catalog.open(data))
        keyring = KeyRing(catalog, SecretBox.of(data))
        reader = partial(open_reader, data)
        writer = open_writer(data, settings.log)
        stack.callback(writer.close)
        executor = stack.enter_context(ThreadPoolExecutor(THREADS, thread_name_prefix="api"))
        yield Services(
            data=data,
            catalog=catalog,
            verifier=PandoraVerifier(keyring.lookup),
            log=MeasuredWriter(writer),
            open_reader=reader,
            limits=settings.limits,
            settings=settings.api,
            render_metrics=partial(metrics.render, FlowCollector(data, catalog, reader)),
            executor=executor,
            buckets=Buckets(data, settings.buckets),
            timezone=ZoneInfo(settings.server.timezone),
            disk_reserve_bytes=settings.log.disk_reserve_bytes,
        )
