"""The budget of bytes in flight."""

from __future__ import annotations

import pytest

from penstock.api.budget import ByteBudget
from penstock.model.errors import Overloaded


def test_bytes_are_given_back_also_after_an_error() -> None:
    budget = ByteBudget(100)
    with pytest.raises(RuntimeError), budget.hold(60):
        raise RuntimeError
    assert budget.used == 0


def test_beyond_the_limit_a_post_is_told_to_come_again() -> None:
    budget = ByteBudget(100)
    with budget.hold(60):
        with pytest.raises(Overloaded, match="60 of 100"), budget.hold(41):
            raise AssertionError("not let in")
        with budget.hold(40):
            assert budget.used == 100
    assert budget.used == 0


def test_one_post_is_always_let_in() -> None:
    budget = ByteBudget(1)
    with budget.hold(50), pytest.raises(Overloaded), budget.hold(1):
        raise AssertionError("not let in")
