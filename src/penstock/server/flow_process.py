"""A flow worker's process."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from penstock.catalog.database import Catalog
from penstock.connect.buckets import Buckets
from penstock.log import open_reader
from penstock.model.datadir import DataDir
from penstock.server.control import Control
from penstock.server.messages import Ready
from penstock.stream.worker import FlowWorker


def run_flows(control: Control) -> None:
    """Run flows until told to stop; returns when their positions are saved. Raises what FlowWorker.run raises."""
    settings = control.settings
    data = DataDir(Path(settings.server.data_dir).absolute())
    stop = threading.Event()
    with Catalog.open(data) as catalog:
        worker = FlowWorker(
            data,
            catalog,
            settings.flows,
            partial(open_reader, data),
            Buckets(data, settings.buckets),
            ZoneInfo(settings.server.timezone),
            log_settings=settings.log,
        )
        control.listen(on_stop=stop.set)
        worker.run(stop, ready=lambda: control.report(Ready()))
