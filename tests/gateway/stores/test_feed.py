"""The feed over the real server."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway.feed import Feed
from gateway.stores import keys
from gateway.stores import redis_client as link_module
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.redis_client import RedisClient
from gateway.stores.tasks import TaskStore
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskId, TaskState
from tests.gateway.stores.conftest import EPOCH
from tests.support.specs import NOW_MS, make_spec


@asynccontextmanager
async def _listening(link: RedisClient) -> AsyncIterator[Feed]:
    feed = Feed(link)
    listener = asyncio.create_task(feed.run())
    async with asyncio.timeout(5):
        await feed.connected()
    try:
        yield feed
    finally:
        listener.cancel()
        with suppress(asyncio.CancelledError):
            await listener


async def test_the_first_look_needs_no_waiting(link: RedisClient) -> None:
    """A fresh watcher looks at once and then waits for a notification."""
    with Feed(link).watch(TaskId("x")) as watcher:
        assert await watcher.changed(5)
        assert not await watcher.changed(0.01)


async def test_who_is_woken_for_its_own_sake_hears_of_no_change(link: RedisClient) -> None:
    """A wait ends at once and says that nothing came; a change that came besides is not lost."""
    feed = Feed(link)
    with feed.watch(TaskId("x")) as watcher:
        watcher.looking()
        watcher.wake()
        async with asyncio.timeout(1):
            assert not await watcher.changed(20)
        watcher.notify()
        watcher.wake()
        assert await watcher.changed(20)


async def test_every_change_notifies(tasks: TaskStore, link: RedisClient) -> None:
    """Who watches a task is woken by its changes, and by nobody else's."""
    spec, other = make_spec(), make_spec()
    async with _listening(link) as feed:
        with feed.watch(spec.task_id) as watcher, feed.watch(spec.task_id) as second:
            await watcher.changed()
            await second.changed()
            await tasks.index(other)
            assert not await watcher.changed(0.05)
            await tasks.index(spec)
            assert await watcher.changed(2)
            assert await second.changed(2)
            await tasks.advance(spec.task_id, EPOCH, TaskState.RUNNING, NOW_MS)
            assert await watcher.changed(2)
        await tasks.advance(spec.task_id, EPOCH, TaskState.LOST, NOW_MS)
        assert not feed._watchers


async def test_a_change_between_two_waits_is_not_lost(tasks: TaskStore, link: RedisClient) -> None:
    """A change while nobody waits ends the next wait at once."""
    spec = make_spec()
    async with _listening(link) as feed:
        with feed.watch(spec.task_id) as watcher:
            await watcher.changed()
            await tasks.index(spec)
            with feed.watch(spec.task_id) as other:
                await other.changed()
                await tasks.request_kill(spec.task_id, NOW_MS)
                assert await other.changed(2)
            assert await watcher.changed(2)


async def test_no_wait_is_longer_than_a_lost_notification_may_cost(link: RedisClient) -> None:
    """However long one wants to wait, one looks again after two seconds."""
    with Feed(link).watch(TaskId("x")) as watcher:
        await watcher.changed()
        async with asyncio.timeout(4):
            assert not await watcher.changed(60)


async def test_a_silent_server_ends_the_subscription(
    redis_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription that is not answered any more is given up, not believed for ever."""
    monkeypatch.setattr(link_module, "_PING_SECONDS", 0.05)
    server = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await server.start()
    link = RedisClient(server.url)
    notified: asyncio.Queue[str] = asyncio.Queue()
    async with link.notifications(notified.put_nowait) as notifications:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await notifications.broken()
        await link.call("PUBLISH", keys.NOTIFICATIONS, "x")
        assert await notified.get() == "x"
        os.kill(server.pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(5):
                with pytest.raises(GatewayError) as caught:
                    await notifications.broken()
        finally:
            os.kill(server.pid, signal.SIGCONT)
    assert caught.value.kind is Kind.UNAVAILABLE
    await link.close()
    await server.stop()


async def test_it_comes_back_after_a_dead_server(redis_folder: Path) -> None:
    """After the server died and came back everybody looks again, and is notified as before."""
    server = EmbeddedRedis(redis_folder / "data", redis_folder / "s")
    await server.start()
    link = RedisClient(server.url)
    async with _listening(link) as feed:
        with feed.watch(TaskId("x")) as watcher:
            await watcher.changed()
            os.kill(server.pid, signal.SIGKILL)
            await server.wait()
            await server.start()
            async with asyncio.timeout(5):
                while not await watcher.changed():
                    pass
            await feed.connected()
            await link.call("PUBLISH", keys.NOTIFICATIONS, "x")
            assert await watcher.changed(2)
    await link.close()
    await server.stop()
