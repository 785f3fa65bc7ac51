"""Leases on deliveries over the real server."""

from __future__ import annotations

import asyncio

from gateway.stores.delivery import NOTHING, DeliveryStore
from gateway.stores.redis_client import RedisClient
from protocol.logs import Cursor
from protocol.tasks import TaskId
from tests.support.waiting import wait_until

_TASK = TaskId("task")


async def test_one_socket_delivers_at_a_time(link: RedisClient) -> None:
    """Of many sockets one gets the lease and keeps it while it renews."""
    store = DeliveryStore(link)
    found = await asyncio.gather(*(store.take(_TASK, f"s{n}") for n in range(10)))
    assert found.count(True) == 1
    winner = f"s{found.index(True)}"
    assert await store.take(_TASK, winner)


async def test_the_next_socket_goes_on_where_the_last_one_was(link: RedisClient) -> None:
    """The place is left behind with the lease."""
    store = DeliveryStore(link)
    assert await store.place(_TASK, "a") == NOTHING
    assert await store.mark(_TASK, "a", Cursor(7, 2))
    assert await store.place(_TASK, "b") is None
    assert not await store.mark(_TASK, "b", Cursor(99))
    await store.leave(_TASK, "b")
    assert await store.place(_TASK, "b") is None
    await store.leave(_TASK, "a")
    assert await store.place(_TASK, "b") == Cursor(7, 2)


async def test_who_leaves_says_where_it_was(link: RedisClient) -> None:
    """The last place is remembered with the lease's end, unless another socket has the lease."""
    store = DeliveryStore(link)
    assert await store.place(_TASK, "a") == NOTHING
    await store.leave(_TASK, "b", Cursor(99))
    await store.leave(_TASK, "a", Cursor(7))
    assert await store.place(_TASK, "b") == Cursor(7)


async def test_a_silent_socket_loses_its_lease(link: RedisClient) -> None:
    """A lease that nobody renews ends; the silent socket is told when it comes back."""
    store = DeliveryStore(link, lease_seconds=0.05)
    assert await store.take(_TASK, "a")
    await wait_until(lambda: store.take(_TASK, "b"), "the lease ends")
    assert not await DeliveryStore(link).mark(_TASK, "a", Cursor(3)) or await store.take(_TASK, "a")


async def test_a_late_mark_counts_if_nobody_else_came(link: RedisClient) -> None:
    """What was told after the lease ran out is remembered if the lease was free."""
    store = DeliveryStore(link)
    assert await store.mark(_TASK, "a", Cursor(4))
    assert await store.place(_TASK, "a") == Cursor(4)


async def test_what_was_begun_and_not_ended(link: RedisClient) -> None:
    """A delivery is begun with its first place, and over once its end was told."""
    store = DeliveryStore(link)
    assert not await store.begun(_TASK)
    assert await store.begun(_TASK, or_never=True)
    assert await store.place(_TASK, "a") == NOTHING
    assert await store.begun(_TASK)
    assert await store.mark(_TASK, "a", Cursor(1))
    assert await store.begun(_TASK)
    assert await store.finish(_TASK, "a")
    assert not await store.begun(_TASK)
    assert not await store.finish(_TASK, "b")
