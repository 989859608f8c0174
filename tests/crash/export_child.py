"""A flow worker in a process of its own: `python -m crash.export_child DATA_DIR BUCKETS_JSON`. It says "ready" on
standard output and runs until its standard input ends."""

from __future__ import annotations

import sys
import threading
from functools import partial
from pathlib import Path

import msgspec

from penstock.catalog.database import Catalog
from penstock.connect.buckets import Buckets
from penstock.connect.settings import BucketSettings
from penstock.log import open_reader
from penstock.model.datadir import DataDir
from penstock.stream.worker import FlowWorker
from stream.rig import FAST, ZONE


def main(root: str, buckets: str) -> None:
    data = DataDir(Path(root))
    catalog = Catalog.open(data)
    settings = msgspec.json.decode(buckets, type=BucketSettings)
    worker = FlowWorker(data, catalog, FAST, partial(open_reader, data), Buckets(data, settings), ZONE)
    worker.publish_s = 0.0
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    worker.run(stop, lambda: print("ready", flush=True))
    catalog.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
