"""Tasks that ask for more than a slot, through a real runner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.clock import now_ms
from gateway.data_paths import DataPaths
from gateway.runner.run.classify_exit import DEAD_LEAF
from gateway.stores.allotment import Allotment, read_allotment
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.pool import PoolFile
from gateway.stores.queues import QueueFile
from gateway.stores.spec import TaskSpec
from protocol.resources import LeafState, Pick, Ports, Queue, QueueStatus, Shape, Wants, slots
from protocol.tasks import Again, ById, Reason, TaskId, TaskState, Warn
from tests.gateway.runner.rig import Client, Runner, running, settings, spec_of
from tests.support.waiting import wait_until

POOL = "/node=node{2}/core={2}"
WAIT = "while [ ! -e go ]; do sleep 0.05; done"


@pytest.fixture
async def runner(paths: DataPaths, redis_server: EmbeddedRedis) -> AsyncIterator[Runner]:
    """A runner with two nodes of two cores."""
    async with running(paths, redis_server.url, NARTHEX_RUNNER_POOL=POOL) as made:
        yield made


def pool(paths: DataPaths) -> PoolFile:
    """The pool as the gateway sees it."""
    return PoolFile(paths.pool, settings(runner__pool=POOL).runner)


def given(client: Client, task_id: TaskId) -> Allotment:
    """What a task was given."""
    run = client.spool.find(task_id)
    assert run is not None
    found = read_allotment(run)
    assert found is not None
    return found


def go(client: Client, task_id: TaskId) -> None:
    """Lets a task that waits for a file go on to its end."""
    run = client.spool.find(task_id)
    assert run is not None
    (Path(run.path) / "work" / "go").touch()


async def started(client: Client, task_id: TaskId) -> None:
    """Waits until a task is shown as running."""
    await wait_until(lambda: client.is_running(task_id), "the task runs", 30)


async def reason(client: Client, task_id: TaskId, part: str) -> None:
    """Waits until a task is said to wait for a reason."""

    async def reported() -> bool:
        return part in (await client.tasks.read(ById(task_id))).waiting_reason

    await wait_until(reported, f"it is told that {part}", 30)


@pytest.mark.usefixtures("runner")
async def test_a_task_is_told_what_it_was_given(client: Client) -> None:
    """Leaves, their machines and properties, ports, memory and queue are in its environment."""
    wants = Wants((Shape((Pick(levels=(("node", 1),)),)),), memory_mb=10, ports={"web-1": Ports(2)})
    spec = await client.submit(
        'echo "$NARTHEX_LEAVES|$NARTHEX_QUEUE|$NARTHEX_MEMORY_MB|$NARTHEX_PORTS_web_1"\n'
        'cat "$NARTHEX_NODE_FILE" "$NARTHEX_LEAF_FILE"',
        wants=wants,
    )
    assert (await client.ended(spec.task_id)).state is TaskState.SUCCEEDED
    lines = [line.text for line in await client.lines(spec.task_id)]
    allotment = given(client, spec.task_id)
    first, second = (leaf.id for leaf in allotment.leaves)
    ports = ",".join(map(str, allotment.ports["web-1"]))
    node = allotment.leaves[0].properties["node"]
    assert lines[:3] == [f"{first},{second}|default|10|{ports}", node, node]
    assert lines[3] == (f"core = '{first}', cpuset = '0', id = '{first}', node = '{node}'")


@pytest.mark.usefixtures("runner")
async def test_a_large_task_waits_and_is_not_passed_for_ever(client: Client) -> None:
    """It says why it waits; smaller ones that come later do not take what it waits for."""
    small = await client.submit(WAIT, wants=Wants((slots(1),)))
    await started(client, small.task_id)
    large = await client.submit("true", wants=Wants((slots(4),)))
    await reason(client, large.task_id, "it needs 4 slots, 3 of 4 are free")
    late = await client.submit("true", wants=Wants((slots(1),)))
    await reason(client, late.task_id, "and waits behind a larger task")
    go(client, small.task_id)
    for spec in (small, large, late):
        ended = await client.ended(spec.task_id)
        assert (ended.state, ended.waiting_reason) == (TaskState.SUCCEEDED, "")
    assert given(client, large.task_id).at_ms <= given(client, late.task_id).at_ms


async def test_leaves_stay_with_their_runs_through_a_restart(
    client: Client, runner: Runner
) -> None:
    """A runner that finds a run knows what it has, and gives it to nobody else."""
    node = Wants((Shape((Pick(levels=(("node", 1),)),)),))
    one = await client.submit(WAIT, wants=node)
    await started(client, one.task_id)
    runner.kill()
    two = await _queued_while_away(client, node)
    runner.start()
    await started(client, two.task_id)
    three = await client.submit("true", wants=node)
    await reason(client, three.task_id, "it needs 2 slots, 0 of 4 are free")
    mine = {leaf.id for leaf in given(client, one.task_id).leaves}
    theirs = {leaf.id for leaf in given(client, two.task_id).leaves}
    assert mine | theirs == {1, 2, 3, 4}
    go(client, one.task_id)
    go(client, two.task_id)
    assert (await client.ended(three.task_id)).state is TaskState.SUCCEEDED


async def _queued_while_away(client: Client, wants: Wants) -> TaskSpec:
    """A task that is accepted while no runner is there."""
    spec = spec_of(50, WAIT, wants=wants)
    await client.spool.accept(spec)
    await client.tasks.index(spec)
    return spec


@pytest.mark.usefixtures("runner")
async def test_a_task_waits_for_others_and_for_its_time(client: Client) -> None:
    """It starts when the other has ended, however that ends, and not before its time."""
    first = await client.submit(f"{WAIT}; exit 3")
    await started(client, first.task_id)
    after = await client.submit("true", after=(first.task_id,))
    await reason(client, after.task_id, "it waits for another task to end")
    at_ms = now_ms() + 1500
    booked = await client.submit("true", start_at_ms=at_ms)
    await reason(client, booked.task_id, "its start is booked for later")
    go(client, first.task_id)
    assert (await client.ended(first.task_id)).state is TaskState.FAILED
    assert (await client.ended(after.task_id)).state is TaskState.SUCCEEDED
    assert (await client.ended(booked.task_id)).started_ms >= at_ms


@pytest.mark.usefixtures("runner")
async def test_who_allows_it_is_ended_for_others(client: Client) -> None:
    """A preemptible run gives way to one that is not, and says so."""
    meek = await client.submit("sleep 60", wants=Wants((slots(4),), preemptible=True))
    await started(client, meek.task_id)
    strong = await client.submit("true", wants=Wants((slots(1),)))
    assert (await client.ended(strong.task_id)).state is TaskState.SUCCEEDED
    ended = await client.ended(meek.task_id)
    assert ended.state is TaskState.KILLED
    assert ended.outcome is not None
    assert ended.outcome.reason is Reason.PREEMPTED


@pytest.mark.usefixtures("runner")
async def test_who_asked_for_it_is_back_after_it_gave_way(client: Client) -> None:
    """Another task takes the place of a preempted one, knows its number, and runs to its end."""
    code = f"echo here; {WAIT}"
    meek = await client.submit(
        code,
        wants=Wants((slots(4),), preemptible=True),
        again=Again("before"),
        name="meek",
        client={"before": 0, "kept": "word"},
    )
    await started(client, meek.task_id)
    strong = await client.submit("true", wants=Wants((slots(1),)))
    assert (await client.ended(meek.task_id)).outcome is not None
    found = await client.spool.claimed("ada", f"again {meek.task_id}")
    assert found is not None
    assert found.number > strong.number
    assert found.client == {"before": meek.number, "kept": "word"}
    assert (found.code, found.wants, found.name) == (code, meek.wants, "")
    assert (await client.ended(strong.task_id)).state is TaskState.SUCCEEDED
    await started(client, found.task_id)
    go(client, found.task_id)
    assert (await client.ended(found.task_id)).state is TaskState.SUCCEEDED


@pytest.mark.usefixtures("runner")
async def test_who_saved_its_work_in_time_is_run_again(client: Client) -> None:
    """A task that is warned of its limit and ends with the agreed code is followed by another."""
    code = "trap 'exit 99' USR2; echo up; while :; do sleep 0.05; done"
    again = Again("before", exit_code=99, signal=12)
    spec = await client.submit(code, seconds=3.0, warn=Warn(12, 2.0), again=again)
    first = await client.ended(spec.task_id)
    assert first.outcome is not None
    assert first.outcome.exit_code == 99
    found = await client.spool.claimed("ada", f"again {spec.task_id}")
    assert found is not None
    await started(client, found.task_id)
    await client.kill(found.task_id)
    assert (await client.ended(found.task_id)).state is TaskState.KILLED
    assert await client.spool.claimed("ada", f"again {found.task_id}") is None


@pytest.mark.usefixtures("runner")
async def test_what_runs_on_a_dead_leaf_is_ended(client: Client, paths: DataPaths) -> None:
    """Dead leaves end their runs; absent ones only get nothing new."""
    one = await client.submit("sleep 60", wants=Wants((slots(2),)))
    await started(client, one.task_id)
    leaf = given(client, one.task_id).leaves[0].id
    pool(paths).set_state(leaf, LeafState.DEAD)
    ended = await client.ended(one.task_id)
    assert (ended.state, DEAD_LEAF) == (TaskState.KILLED, "@dead-leaf")
    assert ended.outcome is not None
    assert ended.outcome.reason is Reason.LEAF_DIED
    four = await client.submit("true", wants=Wants((slots(4),)))
    await reason(client, four.task_id, "it needs more than the pool has")
    pool(paths).set_state(leaf, LeafState.ALIVE)
    assert (await client.ended(four.task_id)).state is TaskState.SUCCEEDED


@pytest.mark.usefixtures("runner")
async def test_queues_are_read_at_once(client: Client, paths: DataPaths) -> None:
    """A stopped queue starts nothing until it is opened; one that is not there neither."""
    queues = QueueFile(paths.queues)
    queues.put(Queue("vc1", ceiling=50.0, status=QueueStatus.STOPPED))
    spec = await client.submit("true", wants=Wants(queue="vc1"))
    await reason(client, spec.task_id, "queue vc1 is stopped")
    other = await client.submit("true", wants=Wants(queue="vc2"))
    await reason(client, other.task_id, "there is no queue vc2")
    queues.set_status("vc1", QueueStatus.RUNNING)
    queues.put(Queue("vc2"))
    for one in (spec, other):
        assert (await client.ended(one.task_id)).state is TaskState.SUCCEEDED
    large = await client.submit("true", wants=Wants((slots(3),), "vc1"))
    await reason(client, large.task_id, "it needs 3 slots, queue vc1 may have 2")


@pytest.mark.usefixtures("runner")
async def test_an_alternative_brings_its_time_limit(client: Client) -> None:
    """Of the alternatives the shortest that fits is taken, and ends the task in time."""
    wants = Wants((slots(9, 0.1), slots(2, 1.0), slots(1, 60.0)))
    spec = await client.submit("sleep 60", wants=wants)
    assert (await client.ended(spec.task_id)).state is TaskState.TIMED_OUT
    assert len(given(client, spec.task_id).leaves) == 2


@pytest.mark.usefixtures("runner")
async def test_many_waiting_tasks_do_not_hold_up_a_plain_one(client: Client) -> None:
    """Tasks that cannot start are explained, killed and passed by."""
    stuck = [
        await client.submit("true", wants=Wants((slots(9 + at),), priority=5)) for at in range(30)
    ]
    plain = await client.submit("true")
    assert (await client.ended(plain.task_id)).state is TaskState.SUCCEEDED
    await reason(client, stuck[-1].task_id, "it needs more than the pool has")
    await client.kill(stuck[0].task_id)
    assert (await client.ended(stuck[0].task_id)).state is TaskState.KILLED
