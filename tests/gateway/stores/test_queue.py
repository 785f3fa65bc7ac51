"""The queue over the real server."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from gateway.stores.errors import StaleEpoch
from gateway.stores.queue import Counts, TaskQueue, Turn
from gateway.stores.redis_client import RedisClient
from gateway.stores.tasks import TaskStore
from protocol.tasks import TaskId, TaskState
from tests.gateway.stores.conftest import EPOCH
from tests.support.specs import NOW_MS, make_spec


async def _queued(tasks: TaskStore, *owners: str) -> list[TaskId]:
    specs = [make_spec(owner) for owner in owners]
    for spec in specs:
        await tasks.index(spec)
    return [spec.task_id for spec in specs]


async def test_heads_are_the_first_of_each_owner(tasks: TaskStore, queue: TaskQueue) -> None:
    """Each owner in turn is given with the first tasks in the order of submission."""
    first, second, third, other = await _queued(tasks, "ann", "ann", "ann", "bob")
    heads = {head.owner: head for head in await queue.heads(10, 2)}
    assert heads["ann"].tasks == (first, second)
    assert heads["bob"].tasks == (other,)
    assert third not in heads["ann"].tasks
    assert len(await queue.heads(1, 2)) == 1


async def test_weights_are_those_configured(tasks: TaskStore, link: RedisClient) -> None:
    """A user's weight comes with the head; others have 1."""
    await _queued(tasks, "ann", "bob")
    heads = await TaskQueue(link, weights={"ann": 3.0}).heads(10, 1)
    assert {head.owner: head.weight for head in heads} == {"ann": 3.0, "bob": 1.0}


async def test_a_task_is_taken_once(tasks: TaskStore, queue: TaskQueue) -> None:
    """Of many who take a task one gets it."""
    [task_id] = await _queued(tasks, "ann")
    found = await asyncio.gather(*(queue.take(task_id, "ann", 1.0, epoch=EPOCH) for _ in range(20)))
    assert Counter(found) == {True: 1, False: 19}
    assert await queue.counts("ann") == Counts(0, 1, 0, 1, 0)
    assert await queue.running("ann") == {task_id}
    assert await queue.heads(10, 10) == []


async def test_tasks_are_taken_together_as_one_by_one(tasks: TaskStore, queue: TaskQueue) -> None:
    """Of many that are taken at once each is answered for, and times go on in their order."""
    ids = await _queued(tasks, *(["ann", "bob"] * 120))
    await queue.take(ids[3], "bob", 1.0, epoch=EPOCH)
    turns = [
        Turn(task_id, "ann" if at % 2 == 0 else "bob", float(at)) for at, task_id in enumerate(ids)
    ]
    assert await queue.take_all(turns[:-2], epoch=EPOCH) == [at != 3 for at in range(238)]
    assert await queue.running("ann") == set(ids[0:-2:2])
    assert await queue.running("bob") == set(ids[1:-2:2])
    left = {head.owner: (head.tasks, head.virtual_time) for head in await queue.heads(10, 10)}
    assert left == {"ann": ((ids[-2],), 236.0), "bob": ((ids[-1],), 237.0)}
    assert await queue.take_all([], epoch=EPOCH) == []
    await queue.take_all(turns[-2:-1], epoch=EPOCH + 1)
    with pytest.raises(StaleEpoch):
        await queue.take_all(turns[-1:], epoch=EPOCH)


async def test_a_final_task_neither_waits_nor_runs(tasks: TaskStore, queue: TaskQueue) -> None:
    """An ending clears both places, from either, and release may come before or after."""
    waiting, running = await _queued(tasks, "ann", "ann")
    await queue.take(running, "ann", 1.0, epoch=EPOCH)
    for task_id in (waiting, running):
        await tasks.advance(task_id, EPOCH, TaskState.LOST, NOW_MS)
        await queue.release(task_id, "ann", epoch=EPOCH)
    assert await queue.counts("ann") == Counts(0, 0, 0)


async def test_a_held_task_does_not_wait(tasks: TaskStore, queue: TaskQueue) -> None:
    """Held tasks leave the queue and come back where they were."""
    held, other = await _queued(tasks, "ann", "ann")
    await tasks.advance(held, EPOCH, TaskState.HELD, NOW_MS)
    assert (await queue.heads(1, 9))[0].tasks == (other,)
    await tasks.advance(held, EPOCH, TaskState.QUEUED, NOW_MS)
    assert (await queue.heads(1, 9))[0].tasks == (held, other)


async def test_a_retried_task_waits_again(tasks: TaskStore, queue: TaskQueue) -> None:
    """A running task that goes back to the queue is in one place only."""
    [task_id] = await _queued(tasks, "ann")
    await queue.take(task_id, "ann", 1.0, epoch=EPOCH)
    for state in (TaskState.RUNNING, TaskState.RETRYING, TaskState.QUEUED):
        await tasks.advance(task_id, EPOCH, state, NOW_MS)
    assert await queue.counts("ann") == Counts(1, 0, 1, 0, 1)


async def test_a_killed_task_stays_where_the_runner_finds_it(
    tasks: TaskStore, queue: TaskQueue
) -> None:
    """A request to kill a waiting task takes it from nobody: it is still among the heads."""
    [task_id] = await _queued(tasks, "ann")
    await tasks.request_kill(task_id, NOW_MS)
    assert (await queue.heads(1, 1))[0].tasks == (task_id,)
    assert (await queue.counts("ann")).running == 0


async def test_ahead_counts_the_tasks_before(tasks: TaskStore, queue: TaskQueue) -> None:
    """A waiting task knows how many go before it; others have none."""
    first, second, third = await _queued(tasks, "ann", "bob", "ann")
    assert [await queue.ahead(task_id) for task_id in (first, second, third)] == [0, 1, 2]
    await queue.take(first, "ann", 1.0, epoch=EPOCH)
    assert [await queue.ahead(task_id) for task_id in (first, second, third)] == [0, 0, 1]


async def test_owners_come_in_the_order_of_their_time(tasks: TaskStore, queue: TaskQueue) -> None:
    """Who was served moves back behind those who were not."""
    ann, _, _ = await _queued(tasks, "ann", "ann", "bob")
    await queue.take(ann, "ann", 1.0, epoch=EPOCH)
    assert [head.owner for head in await queue.heads(9, 1)] == ["bob", "ann"]


async def test_absence_is_no_claim(tasks: TaskStore, queue: TaskQueue) -> None:
    """Who comes late starts at the queue's clock and not at nothing."""
    busy = await _queued(tasks, *["ann"] * 6)
    for turn, task_id in enumerate(busy[:5]):
        await queue.take(task_id, "ann", turn + 1.0, epoch=EPOCH)
    await _queued(tasks, "bob")
    heads = {head.owner: head.virtual_time for head in await queue.heads(9, 1)}
    assert heads == {"ann": 5.0, "bob": 4.0}


async def test_equal_users_are_served_alike(tasks: TaskStore, queue: TaskQueue) -> None:
    """Taking the first head each time serves a user with many tasks no more than one with few."""
    await _queued(tasks, *["ann"] * 30, *["bob"] * 10)
    served: Counter[str] = Counter()
    for _ in range(20):
        head = (await queue.heads(1, 1))[0]
        served[head.owner] += 1
        await queue.take(head.tasks[0], head.owner, head.virtual_time + 1, epoch=EPOCH)
    assert served == {"ann": 10, "bob": 10}
