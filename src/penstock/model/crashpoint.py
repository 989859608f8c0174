"""Named places where a process may be killed, so that tests can kill it exactly there.

A multi-step write calls `crashpoint("room.step")` between its steps. It does nothing, unless the environment says
`PENSTOCK_CRASH_AT=name[:n][@kind][=marker]`: then the process kills itself (SIGKILL) the nth time it gets there. With
`@kind` only a process of that kind does (`become`). With `=marker` only one process ever does: the file of that name is
made just before, holds the kind and the process id, and where it exists nobody dies. Several such words may be given,
separated by blanks. Every name is listed in `POINTS` with the kinds of process that pass it; a test holds the list
against the source.
"""

from __future__ import annotations

import os
import re
import signal
from collections import defaultdict
from dataclasses import dataclass

ENVIRONMENT = "PENSTOCK_CRASH_AT"

POINTS: dict[str, str] = {
    "files.temp.synced": "supervisor api flows",
    "files.temp.renamed": "supervisor api flows",
    "catalog.format.written": "supervisor command",
    "catalog.commit.ready": "supervisor api flows command",
    "catalog.commit.done": "supervisor api flows command",
    "auth.admin.written": "supervisor",
    "log.slot.taken": "api",
    "log.partition.made": "api",
    "log.segment.named": "api",
    "log.segment.sealed": "api",
    "log.frame.written": "api",
    "log.frame.synced": "api",
    "log.watermark.published": "api",
    "log.recovery.cut": "supervisor api",
    "log.compress.written": "flows",
    "log.compress.renamed": "flows",
    "log.retention.dropped": "flows",
    "log.drop.marked": "flows",
    "log.drop.moved": "supervisor flows",
    "export.cut.journaled": "flows",
    "export.file.written": "flows",
    "export.file.synced": "flows",
    "export.folder.made": "flows",
    "export.file.renamed": "flows",
    "export.object.put": "flows",
    "export.ledger.written": "flows",
    "export.commit.journaled": "flows",
    "export.drop.journaled": "flows",
    "backup.cut.taken": "command",
    "backup.files.synced": "command",
    "restore.file.copied": "command",
}
"""Every crash point: its name and the kinds of process that pass it, separated by blanks: `supervisor` (and what it has
a child prepare before the others start), `api`, `flows` (flow workers), `command` (of `penstock`, other than serve)."""

_WORD = re.compile(r"(?P<name>[a-z_.]+)(:(?P<nth>[1-9]\d*))?(@(?P<kind>[a-z]+))?(=(?P<marker>.+))?")
_kind = "command"


@dataclass(slots=True)
class _Crash:
    """One that was asked for: at the `left`th pass from now, in a process of that kind, once if there is a marker."""

    kind: str | None
    left: int
    marker: str | None

    def passed(self) -> None:
        if self.kind not in (None, _kind):
            return
        self.left -= 1
        if self.left <= 0 and self._is_first():
            os.kill(os.getpid(), signal.SIGKILL)

    def _is_first(self) -> bool:
        if self.marker is None:
            return True
        try:
            descriptor = os.open(self.marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return False  # some process has crashed here already: the others and its successor go on
        os.write(descriptor, f"{_kind} {os.getpid()}\n".encode())
        return True


def _parse(text: str) -> dict[str, list[_Crash]]:
    crashes: dict[str, list[_Crash]] = defaultdict(list)
    for word in text.split():
        parts = _WORD.fullmatch(word)
        if parts is None or parts["name"] not in POINTS:
            known = ", ".join(sorted(POINTS))
            raise SystemExit(f"{ENVIRONMENT}: there is no crash point {word!r}; known are {known}")
        crashes[parts["name"]].append(_Crash(parts["kind"], int(parts["nth"] or 1), parts["marker"]))
    return dict(crashes)


_crashes = _parse(os.environ.get(ENVIRONMENT, ""))


def become(kind: str) -> None:
    """Say of which kind this process is, so that a crash can be asked of one kind alone."""
    global _kind
    _kind = kind


def crashpoint(name: str) -> None:
    """Pass the point `name`; never returns if the environment asked for a crash here."""
    for crash in _crashes.get(name, ()):
        crash.passed()
