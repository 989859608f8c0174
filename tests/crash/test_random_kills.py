"""Processes killed at random under load: every acknowledged record is in the log once and in the files once."""

from __future__ import annotations

import os
import secrets
from random import Random

import pytest

from crash.nemesis import Blow, Nemesis, plan_blows
from crash.scenario import SETTINGS, Report, Scenario
from e2e.support.server import running_server

SEED = "PENSTOCK_TEST_SEED"
"""Environment: the seed of an earlier run, to have its blows and records again."""
KILLS = 200


def run(seed: str, blows: list[Blow], clients: int) -> Report:
    """All blows, one after the other, under load. The same seed gives the same records and the same blows; the moments
    differ, since nobody can seed the machine."""
    print(f"seed {seed}")
    with running_server(settings=SETTINGS) as server:
        scenario = Scenario(server, seed, clients=clients)
        scenario.start()
        nemesis = Nemesis(server, scenario.door, scenario.history, Random(f"{seed}/nemesis"))
        for blow in blows:
            nemesis.strike(blow)
        report = scenario.finish()
    print(f"{report}\nblows: {dict(nemesis.done)}")
    return report


def new_seed() -> str:
    return os.environ.get(SEED) or secrets.token_hex(4)


def test_every_kind_of_kill_once_under_load() -> None:
    seed = new_seed()
    blows = [Blow.TREE, Blow.FLOWS, Blow.PAUSE, Blow.API, Blow.PARENT, Blow.RESTART, Blow.TREE, Blow.FLOWS]
    report = run(seed, blows, clients=3)
    assert report.batches["acknowledged"] > 50
    assert report.files > 20
    assert report.looks > 5


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_two_hundred_kills_under_load() -> None:
    seed = new_seed()
    blows = plan_blows(Random(f"{seed}/blows"), KILLS)
    report = run(seed, blows, clients=4)
    assert report.batches["acknowledged"] > 20 * KILLS
