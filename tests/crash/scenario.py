"""One run: a server with its repos and exports, clients and an observer at work, and in the end the judgement."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from crash.checker import Expected, Findings, Places, check_export, check_log, check_names
from crash.content import SCHEMA
from crash.door import Door
from crash.exported_files import exported_files, read_rows, unfinished_files
from crash.history import History
from crash.observer import Observer
from crash.plans import EXPORTS, REPOS, ExportPlan, draining
from crash.stored_log import read_rows_of_log, stored_rows
from crash.workload import Workload
from e2e.clients import Key, Reply
from e2e.support.server import Server

DRAIN_S = 120.0
TRIES = 50
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

    def __init__(
        self,
        server: Server,
        seed: str,
        *,
        clients: int,
        exports: Sequence[ExportPlan] = EXPORTS,
        fetch: Callable[[], None] = lambda: None,
        retention: bool = False,
        key: Key | None = None,
    ) -> None:
        """`fetch` brings files of buckets that are elsewhere to where local ones are. With `retention` the logs may
        have dropped what every export has read. `key`: an admin's; without one the first start's."""
        self.server = server
        self.seed = seed
        self.exports = exports
        self._fetch = fetch
        self._retention = retention
        self.history = History()
        self.door = Door(server, key or server.admin_key())
        self.door.open()
        self._workload = Workload(self.door, self.history, REPOS, clients, seed)
        self._observer = Observer(self.door, exports, server.data.buckets, Random(f"{seed}/observer"))
        self._started = time.monotonic()

    def start(self) -> None:
        """Make repos and exports, then let clients and observer go to work."""
        for repo in REPOS:
            self.insist("POST", f"/v2/repos/{repo}", {"region": "nb", "schema": SCHEMA})
        for plan in self.exports:
            self.insist("POST", export_path(plan), {"type": "kodo", "spec": plan.spec})
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
        for plan, spec in draining(self.exports):
            self.insist("PUT", export_path(plan), {"spec": spec})
        client = self.door.connect()
        try:
            for plan in self.exports:
                self.server.wait_until(
                    lambda p=plan: _lag(client.call("GET", f"{export_path(p)}/status")) == 0,
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
        self._fetch()
        places: dict[str, Places] = {}
        for repo in REPOS:
            expected = Expected(self.history.batches(repo))
            plans = [p for p in self.exports if p.repo == repo]
            if self._retention:
                places[repo] = self._check_first_export(plans, expected, found)
            else:
                places[repo] = self._check_log(repo, expected, found)
            report.records[repo] = len(places[repo])
            report.files += sum(self._check_export(plan, expected, places[repo], found) for plan in plans)
        self._observer.check(places)
        report.looks = self._observer.looks
        report.seconds = time.monotonic() - self._started
        if found.counts:
            raise AssertionError(f"seed {self.seed}: {report}\n{found}\n{self.server.log_text()[-3000:]}")
        return report

    def _check_log(self, repo: str, expected: Expected, found: Findings) -> Places:
        on_disk = stored_rows(self.server.data, self.server.owner, repo)
        by_reader = read_rows_of_log(self.server.data, self.server.owner, repo)
        for partition in on_disk.keys() | by_reader.keys():
            if on_disk.get(partition) != by_reader.get(partition):
                found.add("log: its reader says something else than its files", f"partition {partition} of {repo}")
        return check_log(expected, on_disk, found)

    def _check_first_export(self, plans: list[ExportPlan], expected: Expected, found: Findings) -> Places:
        """Where the log keeps but the newest records, an export with whole rows must be what the log was. The order of
        partitions is then nobody's business: each record gets a partition of its own."""
        plan = next(p for p in plans if p.view == "whole")
        files = exported_files(self.server.data.buckets / plan.bucket, plan)
        rows = enumerate(row for f in files for row in read_rows(f, plan))
        places = check_log(expected, {0: rows}, found)
        stored = stored_rows(self.server.data, self.server.owner, plan.repo)
        assert any(rows[0][0] > 0 for rows in stored.values() if rows), "retention has dropped nothing"
        for partition, kept in stored.items():
            for offset, row in kept:
                if (row["client"], row["sequence"]) not in places:
                    found.add("log: record that was not exported", f"{row} at {partition}/{offset}")
        return {key: (offset, 0) for key, (_, offset) in places.items()}

    def _check_export(self, plan: ExportPlan, expected: Expected, places: Places, found: Findings) -> int:
        bucket = self.server.data.buckets / plan.bucket
        files = exported_files(bucket, plan)
        check_names(plan.name, [(f.flow, f.sequence) for f in files], found)
        for path in unfinished_files(bucket):
            found.add(f"{plan.name}: unfinished file left behind", str(path))
        rows = ((f.name, ((plan.key_of(row), row) for row in read_rows(f, plan))) for f in files)
        check_export(plan.name, expected, places, rows, plan.view, found)
        return len(files)

    def insist(self, method: str, path: str, body: object = None) -> None:
        """Make a definition so, however often the answer is lost: then it may have been made (409) or be gone (404)."""
        expected = {200}
        for _ in range(TRIES):
            client = self.door.connect()
            try:
                reply = client.call(method, path, body)
            except (OSError, http.client.HTTPException):
                expected |= {"POST": {409}, "DELETE": {404}}.get(method, set())
                continue
            finally:
                client.close()
            assert reply.status in expected, f"{method} {path}: {reply.status} {reply.body[:500]!r}"
            return
        raise AssertionError(f"{method} {path} was not answered {TRIES} times")


def export_path(plan: ExportPlan) -> str:
    return f"/v2/repos/{plan.repo}/exports/{plan.name}"


def _lag(reply: Reply) -> int:
    assert reply.status == 200, f"{reply.status} {reply.body[:500]!r}"
    return int(reply.json()["lagRecords"])
