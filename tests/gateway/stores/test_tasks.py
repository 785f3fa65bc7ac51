"""The index of tasks over the real server: numbers, names, states and endings."""

from __future__ import annotations

import asyncio

import pytest

from gateway.stores import keys
from gateway.stores.errors import LogGap, StaleEpoch, TaskGone
from gateway.stores.index_lease import IndexLeaseStore
from gateway.stores.queue import TaskQueue
from gateway.stores.redis_client import RedisClient
from gateway.stores.tasks import NO_EPOCH, Ending, QueueLimits, TaskStore
from protocol.errors import GatewayError, Kind
from protocol.tasks import (
    TRANSITIONS,
    ById,
    ByName,
    ByNumber,
    Outcome,
    Progress,
    Reason,
    Stage,
    TaskId,
    TaskState,
)
from tests.gateway.stores.conftest import EPOCH
from tests.support.refusals import refused_as
from tests.support.specs import LATER_MS, NOW_MS, make_spec

_OUTCOME = Outcome(Reason.EXITED, 3, None, "exited with 3")
_NONE = QueueLimits()


async def test_numbers_grow(tasks: TaskStore) -> None:
    """Every reservation has a number of its own, larger than all before."""
    numbers = [await tasks.reserve("ann", _NONE) for _ in range(3)]
    assert numbers == [1, 2, 3]


async def test_a_restored_task_lifts_the_numbers(tasks: TaskStore) -> None:
    """What the spool has of higher numbers is not given again."""
    await tasks.restore(make_spec(number=90), EPOCH, TaskState.QUEUED)
    assert await tasks.reserve("ann", _NONE) == 91


@pytest.mark.parametrize("limits", [QueueLimits(per_user=10), QueueLimits(total=10)])
async def test_a_hundred_at_once_get_exactly_the_room_there_is(
    tasks: TaskStore, limits: QueueLimits
) -> None:
    """Of a hundred concurrent reservations the limit is kept without one too many or few."""
    found = await asyncio.gather(
        *(tasks.reserve("ann", limits) for _ in range(100)), return_exceptions=True
    )
    numbers = [item for item in found if isinstance(item, int)]
    refused = [item for item in found if isinstance(item, GatewayError)]
    assert len(set(numbers)) == 10
    assert {error.kind for error in refused} == {Kind.EXHAUSTED}
    assert len(refused) == 90


async def test_limits_count_what_waits_and_what_is_reserved(
    tasks: TaskStore, queue: TaskQueue
) -> None:
    """A task counts once, reserved or waiting, and no longer when it was taken."""
    limits = QueueLimits(per_user=1)
    number = await tasks.reserve("ann", limits)
    assert await refused_as(tasks.reserve("ann", limits)) is Kind.EXHAUSTED
    spec = make_spec(number=number)
    await tasks.index(spec)
    assert await refused_as(tasks.reserve("ann", limits)) is Kind.EXHAUSTED
    assert await tasks.reserve("bob", limits)
    assert await queue.take(spec.task_id, "ann", 1.0, epoch=EPOCH)
    assert await tasks.reserve("ann", limits)


async def test_a_reservation_can_be_given_back(tasks: TaskStore) -> None:
    """What was reserved and not used makes room, with its name."""
    limits = QueueLimits(per_user=1)
    number = await tasks.reserve("ann", limits, "one")
    await tasks.cancel_reservation("ann", number, "one")
    assert await tasks.reserve("ann", limits, "one") == number + 1


async def test_an_indexed_task_is_read_by_all_its_names(tasks: TaskStore) -> None:
    """Id, number and owner's name lead to the same task with the client's words."""
    spec = make_spec(name="one", dialect="linkis", client={"a": [1, None]})
    task = await tasks.index(spec)
    assert task == spec.task()
    assert await tasks.read(ById(spec.task_id)) == task
    assert await tasks.read(ByNumber(spec.number)) == task
    assert await tasks.read(ByName("ann", "one")) == task


async def test_indexing_again_changes_nothing(tasks: TaskStore, queue: TaskQueue) -> None:
    """A repeated submit answers the task as it is and queues nothing twice."""
    spec = make_spec()
    await tasks.index(spec)
    await queue.take(spec.task_id, "ann", 1.0, epoch=EPOCH)
    assert (await tasks.index(spec)).state is TaskState.QUEUED
    assert (await queue.counts("ann")).waiting == 0
    await tasks.advance(spec.task_id, EPOCH, TaskState.RUNNING, NOW_MS)
    assert (await tasks.index(spec)).state is TaskState.RUNNING


async def test_a_name_belongs_to_one_task(tasks: TaskStore) -> None:
    """A second task of the name is refused, at the reservation and at the index."""
    await tasks.index(make_spec(name="one"))
    assert await refused_as(tasks.reserve("ann", _NONE, "one")) is Kind.CONFLICT
    assert await refused_as(tasks.index(make_spec(name="one"))) is Kind.CONFLICT
    assert await tasks.reserve("bob", _NONE, "one")


async def test_of_two_reservations_of_a_name_one_wins(tasks: TaskStore) -> None:
    """A name is taken from its reservation on."""
    found = await asyncio.gather(
        *(tasks.reserve("ann", _NONE, "one") for _ in range(10)), return_exceptions=True
    )
    assert len([item for item in found if isinstance(item, int)]) == 1


async def test_a_name_is_free_after_its_task_is_buried(tasks: TaskStore) -> None:
    """A tombstone answers under the name until a new task has it."""
    old = make_spec(name="one")
    await tasks.index(old)
    await tasks.bury(old.task_id, LATER_MS)
    with pytest.raises(TaskGone):
        await tasks.read(ByName("ann", "one"))
    number = await tasks.reserve("ann", _NONE, "one")
    fresh = make_spec(number=number, name="one")
    await tasks.index(fresh)
    assert (await tasks.read(ByName("ann", "one"))).id == fresh.task_id


async def test_an_unknown_task_is_not_found_only_while_the_index_is_whole(
    tasks: TaskStore, link: RedisClient
) -> None:
    """Without a runner's word nobody is told that a task does not exist."""
    ref = ById(TaskId("nobody"))
    assert await refused_as(tasks.read(ref)) is Kind.NOT_FOUND
    await link.call("DEL", keys.READY.key())
    assert await refused_as(tasks.read(ref)) is Kind.UNAVAILABLE


@pytest.mark.parametrize("before", TaskState)
async def test_states_change_only_as_the_table_says(tasks: TaskStore, before: TaskState) -> None:
    """For every pair of states: allowed moves happen, all others leave the task unchanged."""
    for after in TaskState:
        spec = make_spec()
        placed = await tasks.restore(spec, EPOCH, before, at_ms=5)
        assert placed.state is before
        moved = await tasks.advance(spec.task_id, EPOCH, after, NOW_MS)
        if after in TRANSITIONS[before]:
            assert (moved.state, moved.version) == (after, placed.version + 1)
        else:
            assert moved == placed


async def test_an_ending_is_kept_with_its_outcome_and_gets_a_life(
    tasks: TaskStore, link: RedisClient
) -> None:
    """A final task says when and how it ended, and its keys end after its tombstone time."""
    spec = make_spec(name="one")
    await tasks.index(spec)
    await tasks.advance(spec.task_id, EPOCH, TaskState.RUNNING, NOW_MS + 1)
    task = await tasks.advance(spec.task_id, EPOCH, TaskState.FAILED, NOW_MS + 2, _OUTCOME)
    assert (task.started_ms, task.finished_ms, task.outcome) == (NOW_MS + 1, NOW_MS + 2, _OUTCOME)
    for key in (
        keys.TASK.key(spec.task_id),
        keys.NUMBERED.key(str(spec.number)),
        keys.NAME.key("ann\0one"),
    ):
        assert await link.call("PEXPIRETIME", key) == LATER_MS + 7 * 86_400_000


async def test_the_first_ending_stays(tasks: TaskStore) -> None:
    """Of many endings at once exactly one is kept."""
    spec = make_spec()
    await tasks.restore(spec, EPOCH, TaskState.RUNNING)
    endings = [state for state in TaskState if state.final]
    found = await asyncio.gather(
        *(tasks.advance(spec.task_id, EPOCH, state, NOW_MS) for state in endings * 4)
    )
    assert len({task.state for task in found}) == 1
    assert {task.version for task in found} == {2}


async def test_an_older_runner_writes_nothing(
    tasks: TaskStore, lease: IndexLeaseStore, queue: TaskQueue
) -> None:
    """After a newer epoch wrote, every write of the older one is refused."""
    spec = make_spec()
    await tasks.index(spec)
    await lease.ready(EPOCH + 1)
    before = await tasks.read(ById(spec.task_id))
    for work in (
        tasks.advance(spec.task_id, EPOCH, TaskState.RUNNING, NOW_MS),
        tasks.set_progress(spec.task_id, EPOCH, Progress(0.5)),
        tasks.complete_log(spec.task_id, EPOCH, 3),
        tasks.restore(spec, EPOCH, TaskState.LOST),
        tasks.bury(spec.task_id, LATER_MS, epoch=EPOCH),
        lease.beat(EPOCH),
        lease.ready(EPOCH),
        queue.take(spec.task_id, "ann", 1.0, epoch=EPOCH),
        queue.release(spec.task_id, "ann", epoch=EPOCH),
    ):
        with pytest.raises(StaleEpoch):
            await work
    assert await tasks.read(ById(spec.task_id)) == before
    assert await lease.newest_epoch() == EPOCH + 1


async def test_a_kill_request_shows_and_is_idempotent(tasks: TaskStore) -> None:
    """Killing is shown once; a final task stays as it ended."""
    spec = make_spec()
    await tasks.index(spec)
    requested = await tasks.request_kill(spec.task_id, NOW_MS)
    assert requested.state is TaskState.KILLING
    assert await tasks.request_kill(spec.task_id, NOW_MS) == requested
    ended = await tasks.advance(spec.task_id, EPOCH, TaskState.KILLED, NOW_MS)
    assert await tasks.request_kill(spec.task_id, NOW_MS) == ended


async def test_progress_counts_a_version_only_when_it_changes(tasks: TaskStore) -> None:
    """The same progress again is no news, and none is taken after the end."""
    spec = make_spec()
    await tasks.index(spec)
    progress = Progress(0.5, (Stage("1", 4, 2, 0, 1),))
    first = await tasks.set_progress(spec.task_id, EPOCH, progress)
    assert (first.progress, first.version) == (progress, 2)
    assert await tasks.set_progress(spec.task_id, EPOCH, progress) == first
    ended = await tasks.advance(spec.task_id, EPOCH, TaskState.LOST, NOW_MS)
    assert await tasks.set_progress(spec.task_id, EPOCH, Progress(1.0)) == ended


async def test_a_complete_log_is_shown_with_its_last_line(tasks: TaskStore) -> None:
    """Readers learn that the log ended and where, whatever Redis still has of it."""
    spec = make_spec()
    await tasks.index(spec)
    task = await tasks.complete_log(spec.task_id, EPOCH, 12)
    assert (task.log_complete, task.last_line) == (True, 12)


async def test_an_end_is_shown_at_once(tasks: TaskStore) -> None:
    """That it ran, that its log is whole and how it ended come together, and only once."""
    spec = make_spec()
    await tasks.index(spec)
    ending = Ending(TaskState.FAILED, _OUTCOME, NOW_MS + 1, NOW_MS + 5, 0, 60)
    task = await tasks.conclude(spec.task_id, spec.owner, EPOCH, ending, sent=False)
    assert (task.state, task.outcome, task.log_complete) == (TaskState.FAILED, _OUTCOME, True)
    assert (task.started_ms, task.finished_ms) == (NOW_MS + 1, NOW_MS + 5)
    other = ending._replace(state=TaskState.SUCCEEDED, ended_ms=NOW_MS + 9)
    assert await tasks.conclude(spec.task_id, spec.owner, EPOCH, other, sent=False) == task


async def test_what_never_ran_ends_without_a_start(tasks: TaskStore) -> None:
    """An end without a start gives no time of one."""
    spec = make_spec()
    await tasks.index(spec)
    ending = Ending(TaskState.FAILED, _OUTCOME, 0, NOW_MS + 5, 0, 60)
    task = await tasks.conclude(spec.task_id, spec.owner, EPOCH, ending, sent=False)
    assert (task.state, task.started_ms) == (TaskState.FAILED, 0)


async def test_an_end_whose_log_did_not_arrive_is_not_shown(tasks: TaskStore) -> None:
    """No task is final while lines that were sent along with its end are missing."""
    spec = make_spec()
    before = await tasks.index(spec)
    ending = Ending(TaskState.SUCCEEDED, _OUTCOME, NOW_MS, NOW_MS, 3, 60)
    with pytest.raises(LogGap):
        await tasks.conclude(spec.task_id, spec.owner, EPOCH, ending, sent=True)
    assert await tasks.read(ById(spec.task_id)) == before


async def test_an_end_does_not_undo_a_kill_that_was_shown(tasks: TaskStore) -> None:
    """The log is complete, but the state waits for the kill to be kept."""
    spec = make_spec()
    await tasks.index(spec)
    await tasks.request_kill(spec.task_id, NOW_MS)
    ending = Ending(TaskState.SUCCEEDED, _OUTCOME, NOW_MS, NOW_MS, 0, 60)
    task = await tasks.conclude(spec.task_id, spec.owner, EPOCH, ending, sent=False)
    assert (task.state, task.log_complete) == (TaskState.KILLING, True)


async def test_an_older_runner_ends_nothing(tasks: TaskStore) -> None:
    """The end that a runner tells which was replaced is refused."""
    spec = make_spec()
    await tasks.index(spec)
    ending = Ending(TaskState.SUCCEEDED, _OUTCOME, NOW_MS, NOW_MS, 0, 60)
    await tasks.advance(spec.task_id, EPOCH + 1, TaskState.RUNNING, NOW_MS)
    with pytest.raises(StaleEpoch):
        await tasks.conclude(spec.task_id, spec.owner, EPOCH, ending, sent=False)


async def test_writes_to_an_unknown_task_are_refused(tasks: TaskStore) -> None:
    """No write makes half a record of a task that the index does not know."""
    unknown = TaskId("nobody")
    assert (
        await refused_as(tasks.advance(unknown, EPOCH, TaskState.RUNNING, NOW_MS)) is Kind.NOT_FOUND
    )
    assert await refused_as(tasks.set_progress(unknown, EPOCH, Progress())) is Kind.NOT_FOUND
    assert await refused_as(tasks.complete_log(unknown, EPOCH, 1)) is Kind.NOT_FOUND
    ending = Ending(TaskState.FAILED, _OUTCOME, 0, NOW_MS, 0, 60)
    assert (
        await refused_as(tasks.conclude(unknown, "ann", EPOCH, ending, sent=False))
        is Kind.NOT_FOUND
    )


async def test_a_buried_task_is_gone_for_its_owner_to_know(tasks: TaskStore) -> None:
    """A tombstone says whose it was, leaves the lists and takes no more writes."""
    spec = make_spec()
    await tasks.index(spec)
    for _ in range(2):
        await tasks.bury(spec.task_id, LATER_MS)
    with pytest.raises(TaskGone) as caught:
        await tasks.read(ByNumber(spec.number))
    assert (caught.value.owner, caught.value.task_id) == ("ann", spec.task_id)
    assert await tasks.list("ann") == []
    with pytest.raises(TaskGone):
        await tasks.index(spec)
    with pytest.raises(TaskGone):
        await tasks.restore(spec, EPOCH, TaskState.RUNNING)


async def test_a_forgotten_task_is_unknown(tasks: TaskStore, link: RedisClient) -> None:
    """What was deleted leaves nothing but its number, which is not given again."""
    spec = make_spec(name="one")
    await tasks.index(spec)
    await tasks.bury(spec.task_id, LATER_MS, forget=True)
    for ref in (ById(spec.task_id), ByNumber(spec.number), ByName("ann", "one")):
        assert await refused_as(tasks.read(ref)) is Kind.NOT_FOUND
    left = await link.call("KEYS", keys.ALL)
    assert isinstance(left, list)
    assert {key.decode() for key in left} == {
        keys.READY.key(),
        keys.EPOCH.key(),
        keys.NUMBER.key(),
    }


async def test_a_tombstone_ends(tasks: TaskStore) -> None:
    """After its time a buried task is unknown."""
    spec = make_spec()
    await tasks.index(spec)
    await tasks.bury(spec.task_id, 1)
    assert await refused_as(tasks.read(ById(spec.task_id))) is Kind.NOT_FOUND


def test_the_epoch_of_a_gateway_is_never_fenced() -> None:
    """Who is no runner has an epoch below all others."""
    assert NO_EPOCH < 0
