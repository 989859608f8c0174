"""Every named crash point, in every kind of process that passes it: the process dies there, the server recovers, and
every acknowledged record is in the log once and in the files once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crash.course import Course, Crashes, add_key_by_command
from crash.object_store import Store, object_store
from crash.plans import EXPORTS, IN_A_STORE
from crash.scenario import SETTINGS, Report, Scenario
from e2e.clients import Key
from e2e.support.server import Server, end
from penstock.model.crashpoint import POINTS

KINDS = ("supervisor", "api", "flows", "command")
ELSEWHERE = ("backup.", "restore.")
"""What `test_killed_commands.py` does."""
PLACES = [(point, kind) for point, kinds in POINTS.items() for kind in kinds.split() if not point.startswith(ELSEWHERE)]
RETENTION = "log.retention.dropped"
KEY = Key("ak_made_by_command", "secret-5b1f0c7799e2")
FIRST = {("log.recovery.cut", "api"): ["log.frame.written"]}
"""Points that another crash must lead to."""
MORE = 20
"""Requests after the last crash, so that what recovered is used."""


def points_of(kind: str) -> list[str]:
    return [point for point, k in PLACES if k == kind and point != RETENTION]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with object_store(IN_A_STORE.bucket) as running:
        yield running


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_crashes_at_every_point_in_a_row(tmp_path: Path, kind: str, store: Store) -> None:
    report = crash_at(tmp_path, points_of(kind), kind, store)
    assert report.batches["acknowledged"] >= MORE // 2  # others are refused, or lost with a process


def test_a_server_crashes_while_it_drops_what_is_old(tmp_path: Path, store: Store) -> None:
    crash_at(tmp_path, [RETENTION], "flows", store)


@pytest.mark.soak
@pytest.mark.parametrize(("point", "kind"), PLACES)
def test_a_server_crashes_at_one_point(tmp_path: Path, point: str, kind: str, store: Store) -> None:
    crash_at(tmp_path, [*FIRST.get((point, kind), []), point], kind, store)


def test_every_kind_of_process_has_points() -> None:
    assert {kind for _, kind in PLACES} == set(KINDS)


def crash_at(folder: Path, points: list[str], kind: str, store: Store) -> Report:
    """A scenario whose server crashes at all of the points."""
    crashes = Crashes(folder / "crashed", points, kind)
    retention = RETENTION in points
    key = None
    if kind == "command":
        add_key_by_command(folder / "data", KEY, crashes)
        key = KEY
    with crashing_server(folder, crashes, store, retention=retention) as server:
        course = Course(server, crashes)
        course.bring_up()
        exports = (*EXPORTS, IN_A_STORE)
        scenario = Scenario(
            server,
            f"{kind}/{points[0]}",
            clients=3,
            exports=exports,
            fetch=lambda: store.download(prefix_of(folder), server.data.buckets / IN_A_STORE.bucket),
            retention=retention,
            key=key,
        )
        scenario.start()
        course.run(scenario)
        scenario.history.wait_for_attempts(MORE, 60)
        return scenario.finish()


@contextmanager
def crashing_server(folder: Path, crashes: Crashes, store: Store, *, retention: bool) -> Iterator[Server]:
    settings: dict[str, dict[str, Any]] = {section: dict(values) for section, values in SETTINGS.items()}
    settings["buckets"] = {"map": {IN_A_STORE.bucket: store.mapping(prefix_of(folder))}}
    if retention:
        settings["log"] |= {"segment_bytes": 20_000, "segment_age_s": 1, "retention_age_s": 2}
    if crashes.kind == "supervisor":
        settings["flows"]["retain_s"] = 3600  # what a flow worker would drop is left for the next start to finish
    environ = {} if crashes.kind == "command" else crashes.environ
    server = Server(folder / "data", settings, environ, folder / "log")
    try:
        yield server
    finally:
        end(server)


def prefix_of(folder: Path) -> str:
    return f"{folder.name}/"
