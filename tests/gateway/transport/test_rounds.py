"""What is done for very many members from time to time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from gateway.transport.rounds import Rounds
from tests.support.waiting import wait_until


@contextlib.asynccontextmanager
async def running(rounds: Rounds[str]) -> AsyncIterator[None]:
    """Rounds that go on for the length of the block."""
    task = asyncio.create_task(rounds.run())
    try:
        yield
    finally:
        task.cancel()


async def test_each_is_called_once_in_the_order_of_joining() -> None:
    """And no more, unless it joins again."""
    called: list[str] = []
    rounds = Rounds[str](0.01, called.append)
    async with running(rounds):
        for name in ("a", "b", "c"):
            rounds.add(name)
        await wait_until(lambda: len(called) == 3, "all are called")
        rounds.add("d")
        await wait_until(lambda: "d" in called, "one that joined when none was left is called")
    assert called == ["a", "b", "c", "d"]
    assert not len(rounds)


async def test_one_that_left_is_not_called() -> None:
    """Whether it was waiting or not."""
    called: list[str] = []
    rounds = Rounds[str](0.01, called.append)
    rounds.add("a")
    rounds.add("b")
    rounds.discard("a")
    rounds.discard("nobody")
    async with running(rounds):
        await wait_until(lambda: bool(called), "the other is called")
    assert called == ["b"]


async def test_one_that_joins_again_waits_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the last place then, and its time counts from now."""
    now = 100.0
    monkeypatch.setattr("gateway.clock.monotonic", lambda: now)
    called: list[str] = []
    rounds = Rounds[str](10.0, called.append)
    rounds.add("a")
    now = 105.0
    rounds.add("b")
    rounds.add("a")
    now = 115.0
    async with running(rounds):
        await wait_until(lambda: len(called) == 2, "both are called")
    assert called == ["b", "a"]


async def test_many_that_fall_due_together_leave_others_their_turn() -> None:
    """A thousand calls are no thousand calls without a turn of the loop."""
    turns, seen, loop = 0, list[int](), asyncio.get_running_loop()

    def turn() -> None:
        nonlocal turns
        turns += 1
        if len(seen) < 1000:
            loop.call_soon(turn)

    rounds = Rounds[str](0.0, lambda _: seen.append(turns))
    for number in range(1000):
        rounds.add(str(number))
    async with running(rounds):
        turn()
        await wait_until(lambda: len(seen) == 1000, "all are called")
    assert max(seen.count(one) for one in set(seen)) < 50
