"""A caller that is told to stop while it talks to Redis stops."""

import asyncio

from gateway.stores.link import Link


async def test_a_cancellation_is_never_lost(link: Link) -> None:
    """Cancelled at any moment of a call, a task ends as cancelled and does not go on."""

    async def calling() -> None:
        while True:
            await link.call("PING")

    for turns in range(200):
        task = asyncio.create_task(calling())
        for _ in range(turns % 25):
            await asyncio.wait([task], timeout=0)
        task.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait([task])
        assert task.cancelled()
