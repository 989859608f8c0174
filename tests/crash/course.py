"""A server that crashes at named points, one after the other, and is brought back each time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from crash.content import SCHEMA
from crash.plans import ExportPlan
from crash.scenario import Scenario, export_path
from e2e.clients import Key
from e2e.support.server import Server
from penstock.model.crashpoint import ENVIRONMENT

COURSE_S = 150.0
PATIENCE_S = 60.0
LATER = {"log.frame.written": 8, "log.frame.synced": 8}
"""Points where the first pass is a special case: in a segment's first frame, there is nothing yet to be cut off."""
IN_ORDER_EVERY = 3
"""So many crashes, then a restart in order: the supervisor waits longer for a child the more often it died."""
SIDE = "side"


class Crashes:
    """Points at which a process of one kind is to die once each; markers in `folder` tell which it has died at."""

    def __init__(self, folder: Path, points: Sequence[str], kind: str) -> None:
        folder.mkdir(exist_ok=True)
        self.kind = kind
        self._markers = {point: folder / point for point in points}

    @property
    def environ(self) -> dict[str, str]:
        words = (f"{p}:{LATER.get(p, 1)}@{self.kind}={marker}" for p, marker in self._markers.items())
        return {ENVIRONMENT: " ".join(words)}

    def pending(self) -> set[str]:
        """Points that no process has died at yet."""
        return {point for point, marker in self._markers.items() if not marker.exists()}


class Course:
    """Drives the server of a scenario past all points. `server` has the crashes' environment and is not running."""

    def __init__(self, server: Server, crashes: Crashes) -> None:
        self._server = server
        self._crashes = crashes
        self._sides = 0

    def bring_up(self) -> None:
        """Start the server, again after each crash that one of the points explains."""
        while True:
            before = self._crashes.pending()
            try:
                self._server.start()
                return
            except AssertionError:
                if self._crashes.pending() == before:
                    raise

    def run(self, scenario: Scenario) -> None:
        """Until a process has died at every point. Raises AssertionError naming those that nobody passed."""
        since_restart = 0
        until = time.monotonic() + COURSE_S
        while (before := self._crashes.pending()) and time.monotonic() < until:
            self.stir(scenario)
            scenario.history.wait_for_attempts(5, PATIENCE_S)
            since_restart += len(before) - len(self._crashes.pending())
            if self._crashes.kind == "supervisor":
                self._restart_after_a_cut(scenario)
            elif since_restart >= IN_ORDER_EVERY:
                since_restart = 0
                scenario.door.close()
                assert self._server.stop() == 0
                self.bring_up()
                scenario.door.open()
        missed = self._crashes.pending()
        assert not missed, f"no {self._crashes.kind} process came past {sorted(missed)} in {COURSE_S:g} s"
        self._server.wait_until(self._sides_are_gone, "rid of the logs of deleted repos", PATIENCE_S)

    def stir(self, scenario: Scenario) -> None:
        """A repo with an export comes and goes."""
        self._sides += 1
        repo = f"{SIDE}{self._sides}"
        plan = ExportPlan(repo, "brief", {"bucket": f"{SIDE}-bucket", "keyPrefix": f"{repo}/", "rotateInterval": 1})
        scenario.insist("POST", f"/v2/repos/{repo}", {"region": "nb", "schema": SCHEMA})
        scenario.insist("POST", f"/v2/repos/{repo}/data", f"client={repo}\tsequence=1\n".encode())
        scenario.insist("POST", export_path(plan), {"type": "kodo", "spec": plan.spec})
        scenario.insist("DELETE", export_path(plan))
        scenario.insist("DELETE", f"/v2/repos/{repo}")

    def _restart_after_a_cut(self, scenario: Scenario) -> None:
        """As a power cut may leave it: a torn write at the end of each log, a repo half dropped, and the numbers of
        the writers restored from an older backup."""
        scenario.door.close()
        self._server.kill_tree()
        log = self._server.data.log / self._server.owner
        for segment in [max(p.glob("*.seg"), default=None) for p in log.glob("*/[0-9]*")]:
            if segment is not None:
                with segment.open("ab") as file:
                    file.write(b"PNSF" + os.urandom(700))
        for side in log.glob(f"{SIDE}*-[0-9]*"):
            if side.is_dir():
                side.with_name(f"{side.name}.closed").touch()
        for epoch in self._server.data.slots.glob("*.epoch"):
            epoch.unlink()
        self.bring_up()
        scenario.door.open()

    def _sides_are_gone(self) -> bool:
        log = self._server.data.log / self._server.owner
        return not any(path.is_dir() for path in log.glob(f"{SIDE}*"))


def add_key_by_command(data_dir: Path, key: Key, crashes: Crashes) -> None:
    """`penstock keys add`, again after each crash that one of the points explains."""
    command = [sys.executable, "-m", "penstock", "keys", "add", "--data-dir", str(data_dir)]
    command += ["--access-key", key.access, "--secret-key", key.secret, "--role", "admin"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    while True:
        before = crashes.pending()
        done = subprocess.run(command, env=environ | crashes.environ, capture_output=True, text=True, check=False)
        if done.returncode == 0 or "exists already" in done.stderr:
            return  # it exists when the command was killed after its commit
        if crashes.pending() == before:
            raise AssertionError(f"penstock keys add: {done.returncode} {done.stderr[-2000:]}")
