"""`penstock serve`, second half: take the data directory and the address, then run the supervisor."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import msgspec

from penstock.catalog.format import Unusable, check_format
from penstock.model.datadir import DataDir
from penstock.server import logging
from penstock.server.listener import CannotListen, listen, url
from penstock.server.lock import DataDirBusy, DataDirLock
from penstock.server.messages import ProcessRole
from penstock.server.metrics import METRICS_VARIABLE, metrics_folder
from penstock.server.server_settings import ServerSettings
from penstock.server.supervisor import Site, StartFailed, Supervisor


class _Flows(msgspec.Struct):
    workers: int


class _Known(msgspec.Struct):
    """The part of the settings that the supervisor reads."""

    server: ServerSettings
    flows: _Flows


def supervise(settings: bytes) -> None:
    """Run a server until it is told to stop. Raises DataDirBusy, Unusable, CannotListen, StartFailed, OSError."""
    known = msgspec.json.decode(settings, type=_Known)
    server = known.server
    logging.configure(server.log_level, server.log_format, "supervisor")
    data = DataDir(Path(server.data_dir).absolute())
    with DataDirLock(data) as lock:
        if data.format.exists():
            check_format(data)  # a newer one is refused before anything is touched
        with listen(server.listen, server.backlog) as listener:
            shutil.rmtree(data.run, ignore_errors=True)
            metrics_folder(data).mkdir(parents=True)
            os.environ[METRICS_VARIABLE] = str(metrics_folder(data))  # for the children, and for our own counter
            address = url(listener, bool(server.tls_cert))
            site = Site(data, lock.fd, listener, address, msgspec.Raw(settings), os.environ)
            plan = {ProcessRole.FLOWS: known.flows.workers, ProcessRole.API: server.api_processes}
            asyncio.run(Supervisor(site, plan, server.shutdown_timeout_s).run())


def main(fd: int) -> int:
    """Exit status; what is wrong is one line on standard error."""
    with os.fdopen(fd, "rb") as file:
        settings = file.read()
    try:
        supervise(settings)
    except (DataDirBusy, Unusable, CannotListen, StartFailed, OSError) as error:
        sys.stderr.write(f"penstock: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
