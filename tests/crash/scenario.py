"""One run: a server with its repos and exports, clients and an observer at work, and in the end the judgement."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from crash.checker import Expected, Findings, Key, Place, check_export, check_log, check_names
from crash.content import SCHEMA
from crash.door import Door
from crash.exported_files import exported_files, read_rows, unfinished_files
from crash.history import History
from crash.observer import Observer
from crash.plans import EXPORTS, REPOS, ExportPlan, draining
from crash.stored_log import read_rows_of_log, stored_rows
from crash.workload import Workload
from e2e.support.server import Server

DRAIN_S = 120.0
SETTINGS: dict[str, dict[str, Any]] = {
    "server": {"api_processes": 2, "log_level": "warning"},
    "log": {"segment_bytes": 400_000, "tick_s": 0.5},
    "flows": {"poll_ms": 50, "retain_s": 1, "expire_s": 1, "retry_base_s": 0.1},
}
"""Small segments and busy duties: what happens once an hour elsewhere happens every second here."""


@dataclass
class Report:
    """The figures of a run that went well."""

    seconds: float = 0.0
    batches: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    files: int = 0
    looks: int = 0

    def __str__(self) -> str:
        return (
            f"{self.seconds:.0f} s; batches {dict(self.batches)}; records in the logs {dict(self.records)}; "
            f"{self.files} files; {self.looks} looks of the observer"
        )


class Scenario:
    """Drives `server`, which is ready and new."""

    def __init__(self, server: Server, seed: str, *, clients: int) -> None:
        self.server = server
        self.seed = seed
        self.history = History()
        self.door = Door(server, server.admin_key())
        self.door.open()
        self._workload = Workload(self.door, self.history, REPOS, clients, seed)
        self._observer = Observer(self.door, EXPORTS, server.data.buckets, Random(f"{seed}/observer"))
        self._started = time.monotonic()

    def start(self) -> None:
        """Make repos and exports, then let clients and observer go to work."""
        for repo in REPOS:
            self._ok("POST", f"/v2/repos/{repo}", {"region": "nb", "schema": SCHEMA})
        for plan in EXPORTS:
            self._ok("POST", _path(plan), {"type": "kodo", "spec": plan.spec})
        self._workload.start()
        self._observer.start()

    def finish(self) -> Report:
        """End the load, let the exports write the rest, end the server, and judge. Raises AssertionError with the seed
        and what was found."""
        self._workload.stop()
        self._drain()
        self._observer.stop()
        assert self.server.stop() == 0
        return self._judge()

    def _drain(self) -> None:
        """Until every export has carried out what its repo holds. Each commits what it writes, so a lag of 0 with files
        missing is for the judge to find."""
        for plan, spec in draining(EXPORTS):
            self._ok("PUT", _path(plan), {"spec": spec})
        client = self.door.connect()
        try:
            for plan in EXPORTS:
                self.server.wait_until(
                    lambda p=plan: client.call("GET", f"{_path(p)}/status").json()["lagRecords"] == 0,
                    f"done with {plan.repo}/{plan.name}",
                    DRAIN_S,
                )
        finally:
            client.close()

    def _judge(self) -> Report:
        report = Report(batches=self.history.counts())
        found = self._observer.found
        for surprise in self.history.surprises():
            found.add("answer that nobody expects", surprise)
        places: dict[str, dict[Key, Place]] = {}
        for repo in REPOS:
            expected = Expected(self.history.batches(repo))
            places[repo] = self._check_log(repo, expected, found)
            report.records[repo] = len(places[repo])
            for plan in (p for p in EXPORTS if p.repo == repo):
                report.files += self._check_export(plan, expected, places[repo], found)
        self._observer.check(places)
        report.looks = self._observer.looks
        report.seconds = time.monotonic() - self._started
        if found.counts:
            raise AssertionError(f"seed {self.seed}: {report}\n{found}\n{self.server.log_text()[-3000:]}")
        return report

    def _check_log(self, repo: str, expected: Expected, found: Findings) -> dict[Key, Place]:
        on_disk = stored_rows(self.server.data, self.server.owner, repo)
        by_reader = read_rows_of_log(self.server.data, self.server.owner, repo)
        for partition in on_disk.keys() | by_reader.keys():
            if on_disk.get(partition) != by_reader.get(partition):
                found.add("log: its reader says something else than its files", f"partition {partition} of {repo}")
        return check_log(expected, on_disk, found)

    def _check_export(self, plan: ExportPlan, expected: Expected, places: dict[Key, Place], found: Findings) -> int:
        bucket = self.server.data.buckets / plan.bucket
        files = exported_files(bucket, plan)
        check_names(plan.name, [(f.flow, f.sequence) for f in files], found)
        for path in unfinished_files(bucket):
            found.add(f"{plan.name}: unfinished file left behind", str(path))
        rows = ((f.name, ((plan.key_of(row), row) for row in read_rows(f, plan))) for f in files)
        check_export(plan.name, expected, places, rows, plan.view, found)
        return len(files)

    def _ok(self, method: str, path: str, body: object = None) -> Any:
        client = self.door.connect()
        try:
            reply = client.call(method, path, body)
        finally:
            client.close()
        assert reply.status == 200, f"{method} {path}: {reply.status} {reply.body[:500]!r}"
        return reply.json()


def _path(plan: ExportPlan) -> str:
    return f"/v2/repos/{plan.repo}/exports/{plan.name}"
