"""Turns for what takes long: bounded, fair, and given on whatever happens to their holders."""

import asyncio
import contextlib
import threading

import pytest

from gateway.services.heavy_work import FairQueue, HeavyWork
from protocol.errors import GatewayError, Kind
from tests.faults.pace import pause
from tests.support.waiting import wait_until


async def test_users_come_one_after_another() -> None:
    """Who has asked for much is served between others, not before them."""
    queue = FairQueue(1, 1, 10)
    served: list[str] = []

    async def once(user: str) -> None:
        async with queue.turn(user):
            served.append(user)

    async with asyncio.TaskGroup() as group, queue.turn("zoe"):
        for user in ("ann", "ann", "ann", "bob", "eve"):
            group.create_task(once(user))
        await pause(0.01)
    assert served == ["ann", "bob", "eve", "ann", "ann"]


async def test_a_user_has_few_turns_at_a_time() -> None:
    """There may be free turns: one user's limit is their own."""
    queue = FairQueue(4, 1, 1)
    async with queue.turn("ann"), queue.turn("bob"):
        waiting = asyncio.create_task(_taken(queue, "ann"))
        await pause(0.01)
        with pytest.raises(GatewayError) as error:
            await _taken(queue, "ann")
        assert (error.value.kind, error.value.retry_after > 0) == (Kind.EXHAUSTED, True)
        assert not waiting.done()
    await waiting


async def _taken(queue: FairQueue, user: str) -> None:
    async with queue.turn(user):
        pass


async def test_who_gives_up_waiting_holds_nobody_up() -> None:
    """A cancelled wait leaves the line, also in the moment in which its turn comes."""
    queue = FairQueue(1, 1, 10)
    async with queue.turn("ann"):
        leaving = asyncio.create_task(_taken(queue, "bob"))
        staying = asyncio.create_task(_taken(queue, "bob"))
        await pause(0.01)
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving
    await staying
    async with queue.turn("ann"):
        late = asyncio.create_task(_taken(queue, "bob"))
        await pause(0.01)
    late.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await late
    await asyncio.wait_for(_taken(queue, "eve"), 5)


async def test_work_is_done_one_piece_at_a_time_beside_the_loop() -> None:
    """Two pieces never compute together, and errors come back to who asked."""
    inside = threading.Lock()
    go_on = threading.Event()

    def alone() -> bool:
        found = inside.acquire(blocking=False)
        go_on.wait(10)
        inside.release()
        return found

    def failing() -> None:
        raise GatewayError(Kind.INVALID, "no")

    async with contextlib.aclosing(HeavyWork(4)) as heavy:
        tasks = [asyncio.create_task(heavy.run(user, alone)) for user in ("ann", "bob", "ann")]
        await wait_until(inside.locked, "the first piece to begin")
        go_on.set()
        assert await asyncio.gather(*tasks) == [True] * 3
        with pytest.raises(GatewayError):
            await heavy.run("ann", failing)
        assert await heavy.run("ann", lambda: 7) == 7
