"""Crash points: the list is complete, the kill is real, a wrong name is refused."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.model import crashpoint

SOURCE = Path(crashpoint.__file__).parents[1]
CALL = re.compile(r"crashpoint\(\"([a-z_.]+)\"\)")


def run(at: str, times: int) -> subprocess.CompletedProcess[bytes]:
    code = "from penstock.model.crashpoint import crashpoint\n" + 'crashpoint("files.temp.synced")\n' * times
    environment = os.environ | {crashpoint.ENVIRONMENT: at}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)


def test_every_point_in_the_source_is_listed_and_the_other_way_round() -> None:
    module = Path(crashpoint.__file__)
    used = {n for p in SOURCE.rglob("*.py") if p != module for n in CALL.findall(p.read_text(encoding="utf-8"))}
    assert used == set(crashpoint.POINTS)


def test_every_point_names_a_known_kind_of_process() -> None:
    kinds = {kind for value in crashpoint.POINTS.values() for kind in value.split()}
    assert kinds <= {"supervisor", "api", "flows", "command"}


def test_nothing_happens_unless_asked() -> None:
    crashpoint.crashpoint("files.temp.synced")


@pytest.mark.parametrize(
    ("at", "times", "dies"),
    [
        ("files.temp.synced", 1, True),
        ("files.temp.synced:3", 3, True),
        ("files.temp.synced:3", 2, False),
        ("log.frame.written", 1, False),
    ],
)
def test_the_process_dies_at_the_nth_pass(at: str, times: int, dies: bool) -> None:
    assert run(at, times).returncode == (-signal.SIGKILL if dies else 0)


def test_an_unknown_name_is_refused() -> None:
    done = run("log.nowhere", 1)
    assert done.returncode == 1
    assert b"there is no crash point 'log.nowhere'" in done.stderr


def become(kind: str, at: str) -> subprocess.CompletedProcess[bytes]:
    code = (
        "from penstock.model.crashpoint import become, crashpoint\n"
        f"become({kind!r})\n"
        'crashpoint("files.temp.synced")\n'
        "print('alive')"
    )
    environment = os.environ | {crashpoint.ENVIRONMENT: at}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)


def test_only_a_process_of_the_kind_that_was_asked_for_dies() -> None:
    assert become("flows", "files.temp.synced@api").stdout == b"alive\n"
    assert become("api", "files.temp.synced@api").returncode == -signal.SIGKILL


def test_with_a_marker_only_one_process_dies_and_the_marker_says_which(tmp_path: Path) -> None:
    marker = tmp_path / "crashed"
    at = f"files.temp.synced={marker}"
    assert become("api", at).returncode == -signal.SIGKILL
    assert marker.read_text().startswith("api ")
    assert become("api", at).stdout == b"alive\n"


def test_several_crashes_may_be_asked_for(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    at = f"files.temp.synced@flows={one} files.temp.synced={two}"
    assert become("api", at).returncode == -signal.SIGKILL
    assert not one.exists() and two.exists()
    assert become("flows", at).returncode == -signal.SIGKILL
    assert one.exists()
    assert become("flows", at).stdout == b"alive\n"
