"""Named places where a process may be killed, so that tests can kill it exactly there.

A multi-step write calls `crashpoint("room.step")` between its steps. It does nothing, unless the environment says
`PENSTOCK_CRASH_AT=name[:n][@kind][=marker]`: then the process kills itself (SIGKILL) the nth time it gets there. With
`@kind` only a process of that kind does (`become`). With `=marker` only one process ever does: the file of that name is
made just before, holds the kind and the process id, and where it exists nobody dies. Every name is listed in `POINTS`
with the kinds of process that pass it; a test holds the list against the source.
"""

from __future__ import annotations

import os
import re
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
}
"""Every crash point: its name and the kinds of process that pass it, separated by blanks (`any`, `api`, `flows`,
`supervisor`)."""

_WANTED = re.compile(r"(?P<name>[a-z_.]+)(:(?P<nth>[1-9]\d*))?(@(?P<kind>[a-z]+))?(=(?P<marker>.+))?")
_text = os.environ.get(ENVIRONMENT, "")
_wanted = _WANTED.fullmatch(_text)
_name = _wanted["name"] if _wanted else ""
_nth = int(_wanted["nth"] or 1) if _wanted else 0
_passed = count(1)
_kind = ""
if _text and _name not in POINTS:
    raise SystemExit(f"{ENVIRONMENT}: there is no crash point {_text!r}; known are {', '.join(sorted(POINTS))}")


def become(kind: str) -> None:
    """Say of which kind this process is, so that a crash can be asked of one kind alone."""
    global _kind
    _kind = kind


def crashpoint(name: str) -> None:
    """Pass the point `name`; never returns if the environment asked for a crash here."""
    if name == _name and _wanted and _wanted["kind"] in (None, _kind) and next(_passed) == _nth:
        _crash(_wanted["marker"])


def _crash(marker: str | None) -> None:
    if marker is not None:
        try:
            descriptor = os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return  # some process has crashed here already: the others and its successor go on
        os.write(descriptor, f"{_kind} {os.getpid()}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)
