"""A flow worker's process."""

from __future__ import annotations

import threading

from penstock.server.control import Control
from penstock.server.messages import Ready


def run_flows(control: Control) -> None:
    """Run flows until told to stop; returns when their positions are saved."""
    stop = threading.Event()
    control.listen(on_stop=stop.set)
    control.report(Ready())
    stop.wait()
