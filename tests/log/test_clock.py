"""The retention clock: monotonic, kept, and doubtful of jumps."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.log.clock import RetentionClock

MINUTE = 60 * 1_000_000
DAY = 1440 * MINUTE
START = 1_700_000_000 * 1_000_000


class Time:
    """A wall clock and a steady one that can part."""

    def __init__(self, path: Path) -> None:
        self.wall, self.steady = START, 0
        self._path = path
        self.restart()

    def restart(self) -> None:
        self.clock = RetentionClock(self._path, jump_s=300, settle_s=3600)

    def after(self, passed: int, jump: int = 0) -> int | None:
        """What the clock says after some time, and a jump of the wall clock."""
        self.wall += passed + jump
        self.steady += passed
        return self.clock.now(self.wall, self.steady)


@pytest.fixture
def time(tmp_path: Path) -> Time:
    return Time(tmp_path / "slots" / "clock")


def test_it_follows_a_clock_that_behaves(time: Time) -> None:
    assert time.after(0) == START
    assert time.after(10 * MINUTE) == START + 10 * MINUTE
    assert time.after(2 * DAY) == START + 2 * DAY + 10 * MINUTE


def test_it_never_goes_back(time: Time) -> None:
    time.after(0)
    latest = time.after(MINUTE)
    assert time.after(MINUTE, jump=-3 * MINUTE) == latest
    time.restart()
    assert time.after(0) == latest


def test_a_jump_back_pauses_until_the_clock_is_right_again(time: Time) -> None:
    time.after(0)
    assert time.after(MINUTE, jump=-DAY) is None
    assert time.after(3 * 60 * MINUTE) is None
    assert time.after(MINUTE, jump=DAY) == START + 182 * MINUTE


def test_a_jump_forward_pauses_and_is_believed_only_after_it_lasted(time: Time) -> None:
    time.after(0)
    assert time.after(MINUTE, jump=365 * DAY) is None
    assert time.after(59 * MINUTE) is None
    assert time.after(MINUTE) == START + 365 * DAY + 61 * MINUTE


def test_a_jump_forward_and_back_leaves_no_trace(time: Time) -> None:
    time.after(0)
    assert time.after(MINUTE, jump=365 * DAY) is None
    assert time.after(MINUTE, jump=-365 * DAY) == START + 2 * MINUTE
    assert time.after(70 * MINUTE, jump=365 * DAY) is None, "doubt begins anew"


def test_two_jumps_begin_the_doubt_anew(time: Time) -> None:
    time.after(0)
    assert time.after(MINUTE, jump=DAY) is None
    assert time.after(50 * MINUTE, jump=DAY) is None
    assert time.after(50 * MINUTE) is None
    assert time.after(10 * MINUTE) == START + 2 * DAY + 111 * MINUTE


def test_a_long_stop_is_doubted_for_a_while_too(time: Time) -> None:
    time.after(0)
    time.restart()
    assert time.after(5 * DAY) is None
    assert time.after(60 * MINUTE) == START + 5 * DAY + 60 * MINUTE


def test_garbage_in_the_file_is_a_new_start(tmp_path: Path) -> None:
    (tmp_path / "clock").write_bytes(b"\xff?")
    assert RetentionClock(tmp_path / "clock", jump_s=1, settle_s=1).now(START, 0) == START
