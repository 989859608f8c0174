"""A reader that looks at the server all the time and remembers what it saw: what was seen once must stay."""

from __future__ import annotations

import hashlib
import http.client
import threading
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from crash.checker import Findings, RecordId
from crash.door import Door
from crash.exported_files import TEMP
from crash.plans import ExportPlan
from e2e.clients import Client

BETWEEN_S = 0.02


class Observer:
    """Samples of the repos, statuses of the exports, files of the buckets, from `start()` to `stop()`."""

    def __init__(self, door: Door, plans: Sequence[ExportPlan], buckets: Path, random: Random) -> None:
        self._door = door
        self._plans = plans
        self._buckets = buckets
        self._random = random
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._failure: BaseException | None = None
        self._ends: dict[tuple[str, str], int] = {}
        self.records: dict[str, set[RecordId]] = {plan.repo: set() for plan in plans}
        self.files: dict[Path, str] = {}
        self.looks = 0
        self.found = Findings()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(60)
        if self._failure is not None:
            raise self._failure

    def check(self, places: dict[str, dict[RecordId, Any]]) -> None:
        """Compare with the end of the run: `places` says which records each repo has."""
        for repo, seen in self.records.items():
            for key in seen - places[repo].keys():
                self.found.add("record seen and then gone", f"{key} in a sample of {repo}")
        for path, before in self.files.items():
            now = _fingerprint(path)
            if now is None:
                self.found.add("file seen and then gone", str(path))
            elif now != before:
                self.found.add("file seen and then changed", str(path))

    def _run(self) -> None:
        try:
            while not self._stopping.wait(BETWEEN_S):
                self._look()
        except BaseException as error:
            self._failure = error

    def _look(self) -> None:
        plan = self._random.choice(self._plans)
        self._look_at_files(plan)
        if not self._door.is_open:
            return
        client = self._door.connect()
        try:
            self._look_at_records(client, plan)
            self._look_at_status(client, plan)
        except (OSError, http.client.HTTPException):
            return  # killed while it answered: that is what this is all about
        finally:
            client.close()
        self.looks += 1

    def _look_at_records(self, client: Client, plan: ExportPlan) -> None:
        reply = client.call("GET", f"/v2/repos/{plan.repo}/data?count=10")
        if reply.status != 200:
            self.found.add("sample refused", f"{reply.status} {reply.body[:300]!r}")
            return
        self.records[plan.repo] |= {(r["client"], r["sequence"]) for r in reply.json()["records"]}

    def _look_at_status(self, client: Client, plan: ExportPlan) -> None:
        reply = client.call("GET", f"/v2/repos/{plan.repo}/exports/{plan.name}/status")
        if reply.status != 200:
            self.found.add("status refused", f"{reply.status} {reply.body[:300]!r}")
            return
        status = reply.json()
        for partition, end in status["end"].items():
            if end < self._ends.get((plan.repo, partition), 0):
                self.found.add("end moved back", f"{plan.repo}/{partition} to {end}")
            self._ends[plan.repo, partition] = end
        for partition, position in status["position"].items():
            if position > status["end"].get(partition, 0):
                self.found.add("position beyond the end", f"{plan.repo}/{plan.name}: {status}")

    def _look_at_files(self, plan: ExportPlan) -> None:
        bucket = self._buckets / plan.bucket
        if not bucket.is_dir():
            return
        for path in bucket.rglob("*"):
            if path not in self.files and TEMP not in path.parts and path.is_file():
                seen = _fingerprint(path)
                if seen is not None:
                    self.files[path] = seen


def _fingerprint(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
