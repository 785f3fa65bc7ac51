"""Holds, resumes and the like with a whole runner: shown as they are, whoever died in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engines.rundir.facts import RunState
from gateway.data_paths import DataPaths
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.redis_client import RedisClient
from gateway.stores.spec import TaskSpec
from protocol.errors import GatewayError, Kind
from protocol.tasks import ById, Reason, TaskId, TaskState
from tests.gateway.runner.rig import Client, Runner, running
from tests.support.waiting import wait_until

TICKS = "echo ready; while :; do echo t >> ticks; sleep 0.01; done"
SLOTS = {"NARTHEX_RUNNER_RUNNING_TOTAL": "2", "NARTHEX_RUNNER_RUNNING_PER_USER": "2"}


@pytest.fixture
async def runner(paths: DataPaths, redis_server: EmbeddedRedis) -> AsyncIterator[Runner]:
    """A runner with two slots."""
    async with running(paths, redis_server.url, **SLOTS) as made:
        yield made


async def state(client: Client, task_id: TaskId) -> TaskState:
    """How a task is shown."""
    return (await client.tasks.read(ById(task_id))).state


async def busy(client: Client) -> TaskSpec:
    """A task that runs until it is killed."""
    spec = await client.submit(TICKS)
    await client.shows(spec.task_id, TaskState.RUNNING)
    await wait_until(lambda: ticks(client, spec.task_id) > 0, "it to be at work")
    return spec


def ticks(client: Client, task_id: TaskId) -> int:
    """How much a busy task has done."""
    run = client.spool.find(task_id)
    assert run is not None
    path = Path(run.file("work"), "ticks")
    return path.stat().st_size if path.exists() else 0


async def tagged_as(client: Client, task_id: TaskId, *tags: str) -> bool:
    """Whether a task is shown with these tags; nobody may know it yet."""
    try:
        return (await client.tasks.read(ById(task_id))).tags == tags
    except GatewayError as error:
        assert error.kind is Kind.UNAVAILABLE  # noqa: PT017 - anything else is final
        return False


async def no_slot_free(client: Client) -> list[TaskSpec]:
    """Takes both slots."""
    return [await busy(client), await busy(client)]


async def end(client: Client, *specs: TaskSpec) -> None:
    """Kills tasks."""
    for spec in specs:
        await client.kill(spec.task_id, 0)
    for spec in specs:
        assert (await client.ended(spec.task_id)).state is TaskState.KILLED


@pytest.mark.usefixtures("runner")
async def test_a_task_that_was_submitted_held_runs_when_it_is_resumed(client: Client) -> None:
    """Before it is in no queue, and there are slots enough."""
    held = await client.submit("echo at last", hold=True)
    await client.shows(held.task_id, TaskState.HELD)
    other = await client.submit("true")
    await client.ended(other.task_id)
    assert await client.queue.ahead(held.task_id) == 0
    assert await state(client, held.task_id) is TaskState.HELD
    assert (await client.queue.counts("ada")).waiting == 0
    await client.ask(held.task_id, "resume")
    assert (await client.ended(held.task_id)).state is TaskState.SUCCEEDED


@pytest.mark.usefixtures("runner")
async def test_a_waiting_task_is_held_and_resumed(client: Client) -> None:
    """It keeps its number, and so its place among those of its owner."""
    slots = await no_slot_free(client)
    first, second = await client.submit("date +%s%N"), await client.submit("date +%s%N")
    await client.ask(first.task_id, "hold")
    assert await state(client, first.task_id) is TaskState.HELD
    await client.ask(first.task_id, "resume")
    assert await state(client, first.task_id) is TaskState.QUEUED
    await client.kill(slots[0].task_id, 0)
    assert (await client.ended(first.task_id)).state is TaskState.SUCCEEDED
    await client.ended(second.task_id)
    times = [int((await client.lines(one.task_id))[0].data) for one in (first, second)]
    assert times == sorted(times)
    await end(client, slots[1])


@pytest.mark.usefixtures("runner")
async def test_a_hold_whose_news_was_lost_is_kept(client: Client) -> None:
    """The queue gives the task out, and whoever is to start it sees that it is held."""
    slots = await no_slot_free(client)
    spec = await client.submit("true")
    await client.ask(spec.task_id, "hold", notify=False)
    await end(client, *slots)
    await client.shows(spec.task_id, TaskState.HELD)
    await wait_until(lambda: no_slot_taken(client), "no slot to be taken")
    await client.ask(spec.task_id, "resume", notify=False)
    assert (await client.ended(spec.task_id)).state is TaskState.SUCCEEDED


async def no_slot_taken(client: Client) -> bool:
    """Whether nothing of the user runs."""
    return not await client.queue.running("ada")


@pytest.mark.usefixtures("runner")
async def test_a_held_task_is_killed_without_ever_running(client: Client) -> None:
    """It ends as killed before the start."""
    spec = await client.submit("touch effect", hold=True)
    await client.shows(spec.task_id, TaskState.HELD)
    await client.kill(spec.task_id)
    task = await client.ended(spec.task_id)
    assert task.outcome is not None
    assert task.outcome.reason is Reason.KILLED_BEFORE_START


@pytest.mark.usefixtures("runner")
async def test_a_held_task_waits_no_longer_than_it_may(client: Client) -> None:
    """The time before the start goes on."""
    spec = await client.submit("true", hold=True, queue_seconds=1.0)
    task = await client.ended(spec.task_id)
    assert task.outcome is not None
    assert task.outcome.reason is Reason.QUEUE_TIME_LIMIT


@pytest.mark.usefixtures("runner")
async def test_a_suspended_task_is_shown_and_keeps_its_slot(client: Client) -> None:
    """And goes on where it was."""
    spec = await busy(client)
    await client.ask(spec.task_id, "suspend")
    await client.shows(spec.task_id, TaskState.SUSPENDED)
    assert await client.queue.running("ada") == {spec.task_id}
    before = ticks(client, spec.task_id)
    other = await client.submit("true")
    await client.ended(other.task_id)
    assert ticks(client, spec.task_id) == before
    await client.ask(spec.task_id, "resume")
    await client.shows(spec.task_id, TaskState.RUNNING)
    await wait_until(lambda: ticks(client, spec.task_id) > before, "it to go on")
    await end(client, spec)


@pytest.mark.usefixtures("runner")
async def test_a_suspended_task_is_killed(client: Client) -> None:
    """Shown as being killed at once, and killed."""
    spec = await busy(client)
    await client.ask(spec.task_id, "suspend")
    await client.shows(spec.task_id, TaskState.SUSPENDED)
    await end(client, spec)


async def test_all_of_it_outlives_the_runner(client: Client, runner: Runner) -> None:
    """What is asked while there is none is done by the shim, or by the next runner."""
    suspended, resumed = await no_slot_free(client)
    await client.ask(resumed.task_id, "suspend")
    await client.shows(resumed.task_id, TaskState.SUSPENDED)
    held, waiting = await client.submit("true", hold=True), await client.submit("true")
    await client.shows(held.task_id, TaskState.HELD)
    runner.kill()
    await client.ask(suspended.task_id, "suspend", notify=False)
    await client.ask(resumed.task_id, "resume", notify=False)
    await client.ask(waiting.task_id, "hold", notify=False)
    await client.ask(waiting.task_id, "tag", notify=False, tags=("later",))
    for task_id, wanted in (
        (suspended.task_id, RunState.SUSPENDED),
        (resumed.task_id, RunState.RUNNING),
    ):
        run = client.spool.find(task_id)
        assert run is not None
        await wait_until(lambda: run.state() is wanted, "the shim to do it")  # noqa: B023 - awaited here
    runner.start()
    await client.shows(suspended.task_id, TaskState.SUSPENDED)
    await client.shows(resumed.task_id, TaskState.RUNNING)
    await client.shows(waiting.task_id, TaskState.HELD)
    await wait_until(lambda: tagged_as(client, waiting.task_id, "later"), "its tag to be shown")
    assert await state(client, held.task_id) is TaskState.HELD
    await end(client, suspended, resumed, held, waiting)


@pytest.mark.usefixtures("runner")
async def test_all_of_it_is_shown_again_when_redis_has_forgotten(
    client: Client, link: RedisClient
) -> None:
    """States, tags and limits come from the run directories; also of what has ended."""
    ended = await client.submit("true")
    await client.ended(ended.task_id)
    await client.ask(ended.task_id, "tag", tags=("done",))
    suspended = await busy(client)
    await client.ask(suspended.task_id, "suspend")
    await client.ask(suspended.task_id, "limit", seconds=77.0)
    await client.shows(suspended.task_id, TaskState.SUSPENDED)
    held = await client.submit("true", hold=True)
    await client.ask(held.task_id, "tag", tags=("a", "b"), removed=("a",))
    again = await client.submit("true", hold=True)
    await client.ask(again.task_id, "tag", tags=("c",))
    await link.call("FLUSHALL")
    await client.shows(suspended.task_id, TaskState.SUSPENDED)

    async def limited() -> bool:
        return (await client.tasks.read(ById(suspended.task_id))).seconds == 77

    await wait_until(limited, "its limit to be shown")
    await wait_until(lambda: tagged_as(client, held.task_id, "b"), "the tag to be shown")
    await client.shows(held.task_id, TaskState.HELD)
    await wait_until(lambda: tagged_as(client, again.task_id, "c"), "the tag to be shown")
    await client.shows(again.task_id, TaskState.HELD)
    await wait_until(
        lambda: tagged_as(client, ended.task_id, "done"), "the ended task to be tagged again", 20
    )
    await client.ask(held.task_id, "resume")
    assert (await client.ended(held.task_id)).state is TaskState.SUCCEEDED
    await end(client, suspended, again)


@pytest.mark.usefixtures("runner")
async def test_older_news_change_nothing(client: Client) -> None:
    """A gateway that was slow to show a hold does not undo the resume after it."""
    slots = await no_slot_free(client)
    spec = await client.submit("true")
    old = await client.ask(spec.task_id, "hold")
    await client.ask(spec.task_id, "resume")
    task = await client.controls.show(spec.task_id, -1, old, 0)
    assert task.state is TaskState.QUEUED
    await end(client, *slots)
    assert (await client.ended(spec.task_id)).state is TaskState.SUCCEEDED


@pytest.mark.usefixtures("runner")
async def test_held_and_resumed_in_a_burst_it_runs_once(client: Client) -> None:
    """Whatever the scheduler does in between."""
    for _ in range(5):
        spec = await client.submit("echo once")
        for _ in range(6):
            try:
                await client.ask(spec.task_id, "hold")
            except GatewayError as error:
                assert error.kind is Kind.CONFLICT  # noqa: PT017 - it has been started
                break
            await client.ask(spec.task_id, "resume")
        task = await client.ended(spec.task_id)
        assert task.state is TaskState.SUCCEEDED
        assert [line.data for line in await client.lines(spec.task_id)] == [b"once"]


@pytest.mark.usefixtures("runner")
async def test_a_limit_that_was_changed_while_it_waited_counts(client: Client) -> None:
    """And what is shown is what counts."""
    spec = await client.submit("sleep 60", hold=True, seconds=50.0)
    assert (await client.shows(spec.task_id, TaskState.HELD)).seconds == 50
    await client.ask(spec.task_id, "limit", seconds=0.2)
    await client.ask(spec.task_id, "resume")
    task = await client.ended(spec.task_id)
    assert (task.state, task.seconds) == (TaskState.TIMED_OUT, 0.2)
