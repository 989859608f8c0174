"""Named places where a process may be killed, so that tests can kill it exactly there.

A multi-step write calls `crashpoint("room.step")` between its steps. It does nothing, unless the environment says
`PENSTOCK_CRASH_AT=name` or `name:n`: then the process kills itself (SIGKILL) the nth time it gets there. Every name is
listed in `POINTS` with the kind of process that passes it; a test holds the list against the source.
"""

from __future__ import annotations

import os
import signal
from itertools import count

ENVIRONMENT = "PENSTOCK_CRASH_AT"

POINTS: dict[str, str] = {
    "files.temp.synced": "any",
    "files.temp.renamed": "any",
    "catalog.format.written": "supervisor",
    "catalog.commit.ready": "any",
    "catalog.commit.done": "any",
    "auth.admin.written": "supervisor",
    "log.slot.taken": "api",
    "log.partition.made": "api",
    "log.segment.named": "api",
    "log.segment.sealed": "api",
    "log.frame.written": "api",
    "log.frame.synced": "api",
    "log.watermark.published": "api",
    "log.recovery.cut": "supervisor",
    "log.compress.written": "supervisor",
    "log.compress.renamed": "supervisor",
    "log.retention.dropped": "supervisor",
    "log.drop.marked": "api",
    "log.drop.moved": "api",
    "export.cut.journaled": "flows",
    "export.file.written": "flows",
    "export.file.synced": "flows",
    "export.folder.made": "flows",
    "export.file.renamed": "flows",
    "export.object.put": "flows",
    "export.ledger.written": "flows",
    "export.commit.journaled": "flows",
    "export.drop.journaled": "flows",
    "journal.compact.written": "flows",
    "journal.compact.renamed": "flows",
}
"""Every crash point: its name and the kind of process that passes it first (`any`, `api`, `flows`, `supervisor`)."""

_name, _, _nth = os.environ.get(ENVIRONMENT, "").partition(":")
_wanted = int(_nth or 1)
_passed = count(1)
if _name and _name not in POINTS:
    raise SystemExit(f"{ENVIRONMENT}: there is no crash point {_name!r}; known are {', '.join(sorted(POINTS))}")


def crashpoint(name: str) -> None:
    """Pass the point `name`; never returns if the environment asked for a crash here."""
    if name == _name and next(_passed) == _wanted:
        os.kill(os.getpid(), signal.SIGKILL)
