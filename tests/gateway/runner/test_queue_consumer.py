"""From the queue to live runs, within the caps."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.data_paths import DataPaths
from gateway.ids import new_task_id
from gateway.runner.live_runs import LiveRun
from gateway.runner.node import Node
from gateway.runner.queue_consumer import QueueConsumer
from gateway.runner.run.kill import Killer
from gateway.stores.redis_client import RedisClient
from gateway.stores.spec import TaskSpec
from protocol.errors import GatewayError
from protocol.tasks import ById, TaskState
from tests.gateway.runner.rig import make_node, settings, spec_of
from tests.support.waiting import wait_until


class Scene:
    """A node with room for four runs, three of one user, that starts nothing."""

    def __init__(self, link: RedisClient, folder: Path) -> None:
        paths = DataPaths.of(folder, {})
        paths.prepare()
        config = settings(runner__running_per_user=3, runner__running_total=4)
        self.node: Node = make_node(link, paths, config)
        self.begun: list[LiveRun] = []
        self.doubted: list[str] = []
        self.admission = QueueConsumer(self.node, self.begin, self.doubted.append)
        self.killer = Killer(self.node, self.begin)

    def begin(self, live: LiveRun) -> bool:
        """Takes a run in and leaves it there."""
        if self.node.live_runs.enter(live):
            self.begun.append(live)
            return True
        return False

    async def queued(self, number: int, owner: str = "ada") -> TaskSpec:
        """A task that waits."""
        spec = spec_of(number, owner=owner)
        await self.node.spool.accept(spec)
        await self.node.tasks.index(spec)
        return spec


@pytest.fixture
def scene(link: RedisClient, tmp_path: Path) -> Scene:
    """A node without runs."""
    return Scene(link, tmp_path)


async def test_caps_are_kept_over_many_looks(scene: Scene) -> None:
    """Neither one user nor all together ever get more than their slots; order is kept."""
    mine = [await scene.queued(number) for number in range(1, 6)]
    theirs = [await scene.queued(number, "ben") for number in range(6, 9)]
    for _ in range(5):
        await scene.admission.look()
    assert [live.owner for live in scene.begun] == ["ada", "ben", "ada", "ben"]
    scene.node.live_runs.leave(scene.begun[0])
    await scene.admission.look()
    expected = [mine[0], theirs[0], mine[1], theirs[1], mine[2]]
    assert [live.run_id for live in scene.begun] == [spec.task_id for spec in expected]


async def test_a_users_cap_does_not_stop_others(scene: Scene) -> None:
    """Behind a user who has all they may, others start."""
    for number in range(1, 9):
        await scene.queued(number)
    await scene.admission.look()
    late = await scene.queued(9, "ben")
    await scene.admission.look()
    assert [live.owner for live in scene.begun] == ["ada"] * 3 + ["ben"]
    assert scene.begun[-1].run_id == late.task_id


async def test_a_task_without_a_directory_is_lost(scene: Scene) -> None:
    """What the disk does not have cannot run, and does not stop the queue."""
    ghost = spec_of(1)
    await scene.node.tasks.index(ghost)
    real = await scene.queued(2)
    await scene.admission.look()
    assert [live.run_id for live in scene.begun] == [real.task_id]
    assert (await scene.node.tasks.read(ById(ghost.task_id))).state is TaskState.LOST


async def test_a_task_of_which_nobody_heard_is_doubted(scene: Scene, operator: RedisClient) -> None:
    """If the answer to the taking of a task is lost the patrol is asked to look after it."""
    spec = await scene.queued(1)
    await scene.node.queue.heads(1, 1)  # or it would be loaded, which is a write
    await operator.call("CLIENT", "PAUSE", 20_000, "WRITE")
    try:
        with pytest.raises(GatewayError):
            await scene.admission.look()
    finally:
        await operator.call("CLIENT", "UNPAUSE")
    assert scene.doubted == [spec.task_id]
    assert scene.begun == []


async def test_a_kill_of_a_waiting_task_takes_no_slot(scene: Scene) -> None:
    """A killed task that waits is taken in to be ended, and counts for nobody."""
    spec = await scene.queued(1)
    other = await scene.queued(2)
    scene.killer.ask(spec.task_id)
    scene.killer.ask(new_task_id(1))
    scene.killer.ask("../../etc")
    await scene.node.spool.request_kill(spec.task_id, 0)
    await scene.node.spool.request_kill(other.task_id, 0)
    scene.killer.ask(other.task_id)
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(scene.killer.run())
        await wait_until(lambda: len(scene.begun) == 2, "both are taken in")
        looking.cancel()
    assert len(scene.node.live_runs) == 0
    assert scene.node.live_runs.passing == 2
    await scene.admission.look()
    assert len(scene.begun) == 2
