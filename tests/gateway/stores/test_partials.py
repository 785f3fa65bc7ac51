"""Open lines in Redis: the last text of each task, for a while, and a notification."""

from __future__ import annotations

import asyncio

import pytest

from gateway.stores.errors import StaleEpoch
from gateway.stores.keys import PARTIAL
from gateway.stores.logs import LogStore
from gateway.stores.partials import PartialStore
from gateway.stores.redis_client import RedisClient
from protocol.logs import Line, Stream
from protocol.tasks import TaskId

TASK = TaskId("018bcfe5-6800-7000-8000-000000000021")
LINE = Line(7, 123, Stream.ERR, b"42%\xff", 2)


async def test_the_last_text_counts(link: RedisClient) -> None:
    """What is shown is there until something else is, and belongs to one task."""
    partials = PartialStore(link, life_seconds=60)
    assert await partials.read(TASK) is None
    await partials.show(TASK, 1, LINE)
    assert await partials.read(TASK) == LINE
    other = Line(8, 124, Stream.OUT, b"")
    await partials.show(TASK, 1, other)
    assert await partials.read(TASK) == other
    assert await partials.read(TaskId("other")) is None


async def test_it_notifies_and_ends_by_itself(link: RedisClient) -> None:
    """Who waits for the task is woken; what does not change is gone after its life."""
    notified: asyncio.Queue[str] = asyncio.Queue()
    async with link.notifications(notified.put_nowait):
        await PartialStore(link, life_seconds=60).show(TASK, 1, LINE)
        async with asyncio.timeout(5):
            assert await notified.get() == TASK
    assert 0 < int(str(await link.call("PTTL", PARTIAL.key(TASK)))) <= 60_000


async def test_a_runner_that_was_replaced_shows_nothing(link: RedisClient) -> None:
    """The newest epoch counts here too."""
    partials = PartialStore(link)
    await partials.show(TASK, 2, LINE)
    with pytest.raises(StaleEpoch):
        await partials.show(TASK, 1, Line(9, 1, Stream.OUT, b"old"))
    assert await partials.read(TASK) == LINE


async def test_it_goes_with_the_log(link: RedisClient) -> None:
    """Nothing is left of a task whose log is dropped."""
    partials = PartialStore(link)
    await partials.show(TASK, 1, LINE)
    await LogStore(link).drop(TASK)
    assert await partials.read(TASK) is None


async def test_garbage_is_nothing(link: RedisClient) -> None:
    """What nobody of ours has written is not shown."""
    await link.call("SET", PARTIAL.key(TASK), "x", "PX", 60_000)
    assert await PartialStore(link).read(TASK) is None
