"""The budget of bytes in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from penstock.api.budget import ByteBudget
from penstock.model.errors import Overloaded

LONG = 60.0


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


class Post:
    """A post that holds bytes until it is let go."""

    def __init__(self, budget: ByteBudget, size: int) -> None:
        self.inside = False
        self._go = asyncio.Event()
        self.task = asyncio.ensure_future(self._run(budget, size))

    async def _run(self, budget: ByteBudget, size: int) -> None:
        async with budget.hold(size):
            self.inside = True
            await self._go.wait()

    async def end(self) -> None:
        self._go.set()
        await self.task


def test_bytes_are_given_back_also_after_an_error() -> None:
    async def main() -> None:
        budget = ByteBudget(100)
        with pytest.raises(RuntimeError):
            async with budget.hold(60):
                raise RuntimeError
        assert budget.used == 0

    run(main())


def test_beyond_the_limit_a_post_is_told_to_come_again() -> None:
    async def main() -> None:
        budget = ByteBudget(100)
        async with budget.hold(60):
            with pytest.raises(Overloaded, match="60 of 100"):
                async with budget.hold(41):
                    raise AssertionError("not let in")
            async with budget.hold(40):
                assert budget.used == 100
        assert budget.used == 0

    run(main())


def test_one_post_is_always_let_in() -> None:
    async def main() -> None:
        budget = ByteBudget(1)
        async with budget.hold(50):
            with pytest.raises(Overloaded):
                async with budget.hold(1):
                    raise AssertionError("not let in")

    run(main())


def test_posts_wait_for_their_turn_in_order() -> None:
    async def main() -> None:
        budget = ByteBudget(100, waiting=3, wait_s=LONG)
        first = Post(budget, 90)
        await settle()
        large, small = Post(budget, 80), Post(budget, 10)
        await settle()
        assert (large.inside, small.inside) == (False, False)  # the small one would fit, but is not first
        await first.end()
        await settle()
        assert (large.inside, small.inside, budget.used) == (True, True, 90)
        await large.end()
        await small.end()
        assert budget.used == 0

    run(main())


def test_no_more_wait_than_may() -> None:
    async def main() -> None:
        budget = ByteBudget(10, waiting=1, wait_s=LONG)
        first = Post(budget, 10)
        await settle()
        second = Post(budget, 10)
        await settle()
        with pytest.raises(Overloaded):
            async with budget.hold(10):
                raise AssertionError("not let in")
        await first.end()
        await second.end()
        assert budget.used == 0

    run(main())


def test_who_waited_too_long_makes_room_for_the_next() -> None:
    async def main() -> None:
        budget = ByteBudget(100, waiting=2, wait_s=0.01)
        first = Post(budget, 50)
        await settle()
        large, small = Post(budget, 60), Post(budget, 50)
        with pytest.raises(Overloaded):
            await large.task
        await settle()
        assert small.inside or small.task.done()
        await first.end()
        if small.inside:
            await small.end()
        else:
            assert isinstance(small.task.exception(), Overloaded)
        assert budget.used == 0

    run(main())


@pytest.mark.parametrize("granted", [False, True])
def test_a_client_that_goes_away_gives_up_its_place(granted: bool) -> None:
    async def main() -> None:
        budget = ByteBudget(10, waiting=2, wait_s=LONG)
        first = Post(budget, 10)
        await settle()
        second, third = Post(budget, 10), Post(budget, 10)
        await settle()
        if granted:  # the place is given and the client leaves before it has noticed
            first._go.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        second.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second.task
        await first.end()
        await settle()
        assert third.inside and budget.used == 10
        await third.end()
        assert budget.used == 0

    run(main())
