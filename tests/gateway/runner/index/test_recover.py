"""Finding runs again, by the facts in their directories."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engines.rundir.directory import EXIT, SHIM, SPEC, STARTED, RunDir
from engines.rundir.facts import Exit, ExitKind, ShimFact, Started, encode
from gateway.clock import now_ms
from gateway.data_paths import DataPaths
from gateway.ids import new_task_id
from gateway.runner.index.recover import Recovery
from gateway.runner.live_runs import LiveRun
from gateway.runner.node import Node
from gateway.runner.run.control import Controller
from gateway.runner.run.kill import Killer
from gateway.stores import keys
from gateway.stores.index_lease import IndexStatus
from gateway.stores.redis_client import RedisClient
from gateway.stores.replies import items, text
from gateway.stores.run_folders import day_of
from gateway.stores.spec import TaskSpec, encode_spec
from gateway.stores.tasks import QueueLimits
from protocol.tasks import ById, ByNumber, Reason, TaskState
from tests.gateway.runner.rig import make_node, record, settings, spec_of


class Scene:
    """A node, and what its recovery takes in."""

    def __init__(self, link: RedisClient, folder: Path) -> None:
        paths = DataPaths.of(folder, {})
        paths.prepare()
        self.node: Node = make_node(link, paths, settings())
        self.begun: dict[str, LiveRun] = {}
        self.spool = paths.spool
        self.killer = Killer(self.node, self.begin)
        self.controller = Controller(self.node, lambda: None)
        self.recovery = Recovery(self.node, self.begin, self.killer, self.controller)

    def begin(self, live: LiveRun) -> bool:
        """Takes a run in without doing anything for it."""
        self.begun[live.run_id] = live
        return self.node.live_runs.enter(live)

    async def accepted(self, number: int) -> tuple[TaskSpec, RunDir]:
        """A run directory as a gateway leaves it."""
        spec = spec_of(number)
        await self.node.spool.accept(spec)
        run = self.node.spool.find(spec.task_id)
        assert run is not None
        return spec, run

    async def state(self, spec: TaskSpec) -> TaskState:
        """What the index says."""
        return (await self.node.tasks.read(ById(spec.task_id))).state

    async def waiting(self) -> set[str]:
        """The tasks in the queue."""
        heads = await self.node.queue.heads(1000, 1000)
        return {task for head in heads for task in head.tasks}


@pytest.fixture
def scene(link: RedisClient, tmp_path: Path) -> Scene:
    """A node without runs."""
    return Scene(link, tmp_path)


def died(run: RunDir, boot_id: str = "another boot") -> None:
    """Makes a run look as if it had run and its shim were gone."""
    run.write(SHIM, encode(ShimFact(1, 1, boot_id)), durable=False)
    run.write(STARTED, encode(Started(1, now_ms())), durable=False)


async def test_what_was_never_started_waits_again(scene: Scene) -> None:
    """After a loss, and also if a runner took it from the queue and died."""
    spec, _ = await scene.accepted(1)
    await scene.recovery.rebuild()
    assert await scene.waiting() == {spec.task_id}
    assert await scene.node.queue.take(spec.task_id, "ada", 1.0, epoch=1)
    await scene.recovery.rebuild()
    assert await scene.waiting() == {spec.task_id}
    assert await scene.node.queue.running("ada") == frozenset()
    assert not scene.begun


async def test_each_fact_finds_its_way(scene: Scene) -> None:
    """Started, ended and orphaned runs are taken in; a waiting one that is to die as well."""
    waiting, _ = await scene.accepted(1)
    held, held_run = await scene.accepted(2)
    ended, ended_run = await scene.accepted(3)
    orphan, orphan_run = await scene.accepted(4)
    doomed, doomed_run = await scene.accepted(5)
    lock = held_run.take()
    assert lock is not None
    died(ended_run)
    ended_run.write_exit(Exit(ExitKind.EXITED, 0, ended_ms=now_ms()))
    died(orphan_run)
    doomed_run.request_kill(0)
    await scene.recovery.adopt()
    assert set(scene.begun) == {held.task_id, ended.task_id, orphan.task_id}
    await scene.recovery.rebuild()
    assert set(scene.begun) == {held.task_id, ended.task_id, orphan.task_id, doomed.task_id}
    assert await scene.waiting() >= {waiting.task_id}
    assert await scene.state(held) is TaskState.STARTING


async def test_finished_tasks_come_back(scene: Scene) -> None:
    """A finished run tells its outcome, its lines and its times to an index that lost them."""
    spec, run = await scene.accepted(41)
    died(run)
    record(run, b"one\ntwo\nthree")
    run.write_exit(Exit(ExitKind.EXITED, 3, message="exit code 3", ended_ms=now_ms()))
    await scene.node.spool.finish(spec.task_id)
    await scene.recovery.rebuild()
    task = await scene.node.tasks.read(ById(spec.task_id))
    assert task.state is TaskState.FAILED
    assert task.outcome is not None
    assert (task.outcome.reason, task.outcome.exit_code) == (Reason.EXITED, 3)
    assert (task.last_line, task.log_complete) == (3, True)
    assert task.started_ms
    await scene.node.lease.ready(1)
    assert await scene.node.tasks.reserve("ada", QueueLimits()) > 41


async def test_numbers_of_what_has_ended_are_not_given_again(scene: Scene) -> None:
    """Already before finished tasks are back in the index, which may take long."""
    spec, run = await scene.accepted(4711)
    run.write_exit(Exit(ExitKind.EXITED, exit_code=0, ended_ms=now_ms()))
    await scene.node.spool.finish(spec.task_id)
    await scene.recovery.rebuild_live()
    assert await scene.node.bulk_restore.raise_number(0) > 4711
    before = await scene.node.bulk_restore.raise_number(0)
    await scene.recovery.rebuild_live()
    assert await scene.node.bulk_restore.raise_number(0) == before


async def test_the_patrol_finds_what_nobody_told(scene: Scene) -> None:
    """A task that was accepted some time ago and never indexed is queued; a fresh one is let be."""
    old_time = now_ms() - 60_000
    old = replace(spec_of(1), task_id=new_task_id(old_time), created_ms=old_time)
    await scene.node.spool.accept(old)
    await scene.accepted(2)
    await scene.recovery.patrol()
    assert await scene.waiting() == {old.task_id}
    assert await scene.node.queue.take(old.task_id, "ada", 1.0, epoch=1)
    await scene.recovery.patrol()
    assert await scene.waiting() == set()
    scene.recovery.doubt(old.task_id)
    await scene.recovery.patrol()
    assert await scene.waiting() == {old.task_id}


async def test_the_patrol_finds_what_is_from_the_future(scene: Scene) -> None:
    """A task that was accepted before the clock jumped back does not wait until it comes again."""
    later = now_ms() + 86_400_000
    spec = replace(spec_of(1), task_id=new_task_id(later), created_ms=later)
    await scene.node.spool.accept(spec)
    await scene.recovery.patrol()
    assert await scene.waiting() == {spec.task_id}


async def test_a_stray_directory_is_no_obstacle(scene: Scene, tmp_path: Path) -> None:
    """What is no run directory is passed over; a damaged one is taken in, to be ended."""
    spec, _ = await scene.accepted(1)
    (tmp_path / "spool" / "live" / "lost+found").mkdir()
    broken, run = await scene.accepted(2)
    os.truncate(run.file("spec"), 3)
    await scene.recovery.adopt()
    await scene.recovery.rebuild()
    await scene.recovery.patrol()
    assert await scene.waiting() == {spec.task_id}
    assert set(scene.begun) == {broken.task_id}


async def test_a_thousand_live_runs_are_adopted_quickly(scene: Scene, tmp_path: Path) -> None:
    """A start looks at live directories only and takes a thousand in within the bound."""
    live = tmp_path / "spool" / "live"
    for number in range(1000):
        spec = spec_of(number + 1)
        run = RunDir(live / spec.task_id)
        os.mkdir(run.path)  # noqa: PTH102 - as the run directory does it
        run.write(SPEC, encode_spec(spec), durable=False)
        died(run)
    begun = time.monotonic()
    await scene.recovery.adopt()
    assert len(scene.begun) == 1000
    await scene.recovery.rebuild()
    # It takes about a second; what looks at everything for each run takes minutes.
    assert time.monotonic() - begun < 30


def ended(scene: Scene, number: int) -> TaskSpec:
    """A finished run as it lies among the done ones."""
    spec = spec_of(number)
    day = scene.spool / "done" / day_of(spec.task_id)
    day.mkdir(exist_ok=True)
    run = RunDir(day / spec.task_id)
    os.mkdir(run.path)  # noqa: PTH102 - as the run directory does it
    run.write(SPEC, encode_spec(spec), durable=False)
    run.write(EXIT, encode(Exit(ExitKind.EXITED, 0, ended_ms=now_ms())), durable=False)
    return spec


async def test_a_rebuild_that_was_cut_off_is_made_whole(scene: Scene) -> None:
    """That the newest tasks are back never means that the older ones are."""
    specs = [ended(scene, number) for number in range(1, 1201)]
    steps = scene.recovery.rebuild_rest()
    while (await scene.node.tasks.count("ada")) < 1050:
        await anext(steps)
    await Recovery(scene.node, scene.begin, scene.killer, scene.controller).rebuild()
    assert await scene.node.tasks.count("ada") == len(specs)
    await scene.node.lease.ready(1)
    for spec in specs[:3]:
        assert await scene.state(spec) is TaskState.SUCCEEDED
    assert not await scene.node.bulk_restore.absent([spec.task_id for spec in specs], ended=True)


async def test_single_keys_that_were_taken_away_come_back(scene: Scene, link: RedisClient) -> None:
    """Whatever key of a task is deleted, waiting, running or ended, the audit makes it whole."""
    long_ago = now_ms() - 60_000
    waiting, running = (
        replace(spec_of(number), task_id=new_task_id(long_ago), created_ms=long_ago)
        for number in (1, 2)
    )
    for spec in (waiting, running):
        await scene.node.spool.accept(spec)
    held = scene.node.spool.find(running.task_id)
    assert held is not None
    lock = held.take()
    finished = ended(scene, 3)
    await scene.recovery.rebuild()
    await scene.node.lease.ready(1)
    found = [text(key) for key in items(await link.call("KEYS", keys.ALL))]
    for key in found:
        if key not in (keys.READY.key(), keys.NUMBER.key(), keys.EPOCH.key()):
            await link.call("DEL", key)
            async for _ in scene.recovery.audit():
                continue
            assert await scene.state(waiting) is TaskState.QUEUED, key
            assert await scene.waiting() == {waiting.task_id}, key
            assert await scene.state(running) is TaskState.STARTING, key
            assert await scene.state(finished) is TaskState.SUCCEEDED, key
            assert (await scene.node.tasks.read(ByNumber(3))).log_complete, key
            assert len(await scene.node.tasks.list("ada")) == 3, key
    assert lock is not None
    os.close(lock)


async def test_what_was_deleted_stays_deleted(scene: Scene) -> None:
    """A task that was deleted, but for its directory, is not brought back into the index."""
    spec = ended(scene, 1)
    await scene.node.spool.forget(spec.task_id)
    await scene.recovery.rebuild()
    assert await scene.node.tasks.list("ada") == []


async def test_the_lease_does_not_cover_what_was_emptied_during_the_rebuild(
    scene: Scene, link: RedisClient
) -> None:
    """A word that was not what it is to follow is not given."""
    lease = scene.node.lease
    for turn in range(2):
        said = await lease.rebuild(1)
        assert said is (IndexStatus.PARTIAL if turn else IndexStatus.REBUILDING)
        await link.call("FLUSHALL")
        assert not await lease.beat(1, word=IndexStatus.PARTIAL, before=said)
        said = await lease.rebuild(1)
        assert await lease.beat(1, word=IndexStatus.PARTIAL, before=said)
    assert not await lease.beat(1, word=IndexStatus.WHOLE)
