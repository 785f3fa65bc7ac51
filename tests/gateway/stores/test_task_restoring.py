"""Records of tasks that were lost or damaged, over the real server, and how they come back."""

from __future__ import annotations

from gateway.stores import keys
from gateway.stores.index_lease import IndexLeaseStore
from gateway.stores.queue import TaskQueue
from gateway.stores.redis_client import RedisClient
from gateway.stores.replies import integer
from gateway.stores.tasks import QueueLimits, TaskStore
from protocol.errors import Kind
from protocol.tasks import (
    ById,
    ByName,
    Outcome,
    Reason,
    TaskState,
)
from tests.gateway.stores.conftest import EPOCH
from tests.support.refusals import refused_as
from tests.support.specs import NOW_MS, make_spec

_OUTCOME = Outcome(Reason.EXITED, 3, None, "exited with 3")
_NONE = QueueLimits()


async def test_a_damaged_record_spoils_no_list(tasks: TaskStore, link: RedisClient) -> None:
    """Garbage in one record is that record's trouble: the list goes on without it."""
    specs = [make_spec() for _ in range(3)]
    for spec in specs:
        await tasks.index(spec)
    await link.call("HSET", keys.TASK.key(specs[1].task_id), "meta", b"\xc1garbage")
    assert [task.id for task in await tasks.list("ann")] == [specs[2].task_id, specs[0].task_id]
    assert await refused_as(tasks.read(ById(specs[1].task_id))) is Kind.UNAVAILABLE


async def test_a_key_of_another_type_is_removed_and_the_index_rebuilt(
    tasks: TaskStore, lease: IndexLeaseStore, link: RedisClient
) -> None:
    """A foreign value in place of a record is unavailable, never unknown, until it is restored."""
    spec = make_spec()
    await tasks.index(spec)
    await link.call("SET", keys.TASK.key(spec.task_id), "foreign")
    assert await refused_as(tasks.read(ById(spec.task_id))) is Kind.UNAVAILABLE
    assert await refused_as(tasks.read(ById(spec.task_id))) is Kind.UNAVAILABLE
    assert not await lease.beat(EPOCH)
    await tasks.restore(spec, EPOCH, TaskState.QUEUED)
    await lease.ready(EPOCH)
    assert (await tasks.read(ById(spec.task_id))).number == spec.number


async def test_an_emptied_redis_is_noticed_and_rebuilt(
    tasks: TaskStore, lease: IndexLeaseStore, link: RedisClient
) -> None:
    """After FLUSHALL nothing is accepted until the index came back from the spool."""
    waiting, ended = make_spec(), make_spec(name="one")
    await tasks.index(waiting)
    await tasks.index(ended)
    assert await lease.beat(EPOCH)
    await link.call("FLUSHALL")
    assert not await lease.beat(EPOCH)
    assert await refused_as(tasks.reserve("ann", _NONE)) is Kind.UNAVAILABLE
    await tasks.restore(waiting, EPOCH, TaskState.QUEUED)
    await tasks.restore(
        ended, EPOCH, TaskState.FAILED, at_ms=NOW_MS, started_ms=NOW_MS - 5, outcome=_OUTCOME
    )
    await lease.ready(EPOCH)
    assert await tasks.reserve("ann", _NONE) > max(waiting.number, ended.number)
    task = await tasks.read(ByName("ann", "one"))
    assert (task.finished_ms, task.started_ms, task.outcome) == (NOW_MS, NOW_MS - 5, _OUTCOME)


async def test_restoring_moves_an_older_record_on_and_never_back(tasks: TaskStore) -> None:
    """A record that lost its tail catches up; one that is further stays."""
    spec = make_spec()
    await tasks.index(spec)
    task = await tasks.restore(spec, EPOCH, TaskState.FAILED, at_ms=9, outcome=_OUTCOME)
    assert (task.state, task.outcome) == (TaskState.FAILED, _OUTCOME)
    assert await tasks.restore(spec, EPOCH, TaskState.RUNNING) == task


async def test_a_taken_task_that_never_started_goes_back(
    tasks: TaskStore, queue: TaskQueue
) -> None:
    """A new runner puts back what the old one took and never started."""
    spec = make_spec()
    await tasks.index(spec)
    await queue.take(spec.task_id, "ann", 1.0, epoch=EPOCH)
    await tasks.restore(spec, EPOCH + 1, TaskState.QUEUED, requeue=True)
    counts = await queue.counts("ann")
    assert (counts.waiting, counts.running) == (1, 0)


async def test_accepted_tasks_of_one_name_are_both_restored(tasks: TaskStore) -> None:
    """What was accepted comes back even if its name went to another task."""
    first, second = make_spec(name="one"), make_spec(name="one")
    await tasks.index(first)
    await tasks.restore(second, EPOCH, TaskState.QUEUED)
    assert (await tasks.read(ByName("ann", "one"))).id == first.task_id
    assert (await tasks.read(ById(second.task_id))).id == second.task_id


async def test_all_names_of_an_ended_task_live_as_long_as_its_record(
    tasks: TaskStore, link: RedisClient
) -> None:
    """Whatever a late writer says of a task that has ended, nothing of it stays for ever."""
    spec = make_spec(name="one")
    await tasks.index(spec)
    await tasks.advance(spec.task_id, EPOCH, TaskState.FAILED, NOW_MS, _OUTCOME)
    await tasks.restore(spec, EPOCH, TaskState.QUEUED, requeue=True)
    await tasks.index(spec)
    for key in (
        keys.TASK.key(spec.task_id),
        keys.NUMBERED.key(str(spec.number)),
        keys.NAME.key("ann\0one"),
    ):
        assert integer(await link.call("PTTL", key)) > 0, key
