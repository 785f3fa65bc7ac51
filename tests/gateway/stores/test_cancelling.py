"""A cancelled call to Redis ends, whatever it was doing."""

from __future__ import annotations

import asyncio

import pytest

from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.redis_client import RedisClient


@pytest.mark.parametrize("steps", range(24))
async def test_a_call_can_be_cancelled_while_it_connects(
    redis_server: EmbeddedRedis, steps: int
) -> None:
    """A cancellation that arrives while the connection is being opened is not lost."""
    link = RedisClient(redis_server.url)
    passed = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        call = group.create_task(link.check("cancelled"))
        for _ in range(steps):
            # One turn of the loop, so that each number of steps meets another moment.
            asyncio.get_running_loop().call_soon(passed.set)
            await passed.wait()
            passed.clear()
        was_over = call.done()
        call.cancel()
    assert was_over or call.cancelled()
    await link.close()
