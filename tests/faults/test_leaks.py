"""After many runs and many sockets, everything that was taken has been given back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.leak_check import Holdings, held_now
from tests.faults.ledger import Expected, Ledger
from tests.faults.redis_server import OwnRedis, own_redis
from tests.faults.retrying_client import RetryingClient
from tests.journeys.entrance import opened
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

SLACK = 8
"""Pools and thread pools may differ by a few from one moment to the next; a leak grows."""


async def use(gateway: Served, ledger: Ledger, name: str, count: int, folder: Path) -> None:
    """Makes so many runs, each read over a socket of its own, and as many idle sockets."""
    turns = iter(range(count))

    async def lane(client: RetryingClient) -> None:
        for turn in turns:
            expected = Expected(f"{name}-{turn}", ("hello",), 0, folder / "none", effects=0)
            exec_id = await client.submit(expected, "echo hello; (sleep 0.01 &)")
            async with opened(gateway):
                await client.follow(expected.name, exec_id)

    async with (
        RetryingClient(gateway, ledger, seconds=600) as client,
        asyncio.TaskGroup() as lanes,
    ):
        for _ in range(12):
            lanes.create_task(lane(client))


async def leaks(folder: Path, warm: int, count: int) -> None:
    """Counts before and after so many runs and sockets, and compares."""
    ledger = Ledger(count)
    with (
        own_redis(folder / "redis") as server,
        serving(folder / "data", NARTHEX_REDIS_URL=server.url) as gateway,
    ):

        def settled() -> bool:
            found = held_now(gateway, server)
            return not found.live and not found.zombies

        await use(gateway, ledger, "warm", warm, folder)
        wait_until_sync(settled, "the first runs to be put away")
        base = held_now(gateway, server)
        await use(gateway, ledger, "more", count, folder)
        wait_until_sync(settled, "all runs to be put away, without a zombie")

        def back() -> bool:
            return not held_now(gateway, server).grown(base, SLACK)

        compare(gateway, server, base, wait=back)
        assert held_now(gateway, server).lifeless == base.lifeless
    ledger.check()


def compare(gateway: Served, server: OwnRedis, base: Holdings, *, wait: Callable[[], bool]) -> None:
    """Waits until nothing has grown, and says what has if it stays so."""
    try:
        wait_until_sync(wait, "everything to be back at its base", 30)
    except AssertionError as error:
        raise AssertionError(f"grown: {held_now(gateway, server).grown(base, SLACK)}") from error


async def test_many_runs_leave_nothing_behind(tmp_path: Path) -> None:
    """Descriptors, threads, zombies, connections, keys and run directories are back."""
    await leaks(tmp_path, 40, 60)


@pytest.mark.storm
@pytest.mark.timeout(900)
async def test_two_thousand_runs_leave_nothing_behind(tmp_path: Path) -> None:
    """The same after 2,000 runs and 4,000 sockets."""
    await leaks(tmp_path, 100, 2_000)
