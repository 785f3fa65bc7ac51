"""The clock of those who throw things away: a jump ahead makes nothing old."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engines.rundir.facts import Exit, ExitKind
from gateway.clock import now_ms
from gateway.data_paths import DataPaths
from gateway.runner.clock_guard import ClockGuard
from gateway.runner.retention import Retention
from gateway.runner.run.kill import Killer
from gateway.stores.errors import TaskGone
from gateway.stores.redis_client import RedisClient
from protocol.tasks import ById, TaskState
from tests.gateway.runner.rig import make_node, settings, spec_of

SECOND, DAY = 1000, 86_400_000
YEARS = 3652 * DAY


class Times:
    """A wall clock that can be set, and a counter that cannot; both go on by ``pass_``."""

    def __init__(self) -> None:
        self.wall = 1_800_000_000_000
        self.counter = 5_000_000

    def pass_(self, milliseconds: int) -> None:
        """Lets time pass."""
        self.wall += milliseconds
        self.counter += milliseconds

    def clock(self, folder: Path) -> ClockGuard:
        """A clock by these, as a process has it that is new."""
        return ClockGuard(folder / "clock", lambda: self.wall, lambda: self.counter)


def test_it_goes_with_the_wall(tmp_path: Path) -> None:
    """A clock that is put right little by little is followed, however far it comes."""
    times = Times()
    clock = times.clock(tmp_path)
    for _ in range(1000):
        times.pass_(SECOND)
        times.wall += 10 * SECOND
        assert clock.now_ms() == times.wall


def test_a_jump_ahead_is_not_believed_for_a_day(tmp_path: Path) -> None:
    """Time goes on from where it was, also for a new process; after a day the jump is the truth."""
    times = Times()
    clock = times.clock(tmp_path)
    clock.keep()
    before = times.wall
    times.wall += YEARS
    for _ in range(23):
        times.pass_(DAY // 24)
        before += DAY // 24
        assert clock.now_ms() == before
        assert times.clock(tmp_path).now_ms() == before
    times.pass_(DAY // 12)
    assert clock.now_ms() == times.wall
    times.pass_(SECOND)
    assert clock.now_ms() == times.wall


@pytest.mark.parametrize("way", [YEARS, -YEARS])
def test_a_jump_that_is_taken_back(tmp_path: Path, way: int) -> None:
    """Once the clock is right again all is as if nothing had been; a later jump is doubted anew."""
    times = Times()
    clock = times.clock(tmp_path)
    for _ in range(3):
        times.wall += way
        times.pass_(DAY // 2)
        assert clock.now_ms() == min(times.wall, times.wall - way)
        times.wall -= way
        times.pass_(SECOND)
        assert clock.now_ms() == times.wall


def test_another_boot_believes_the_wall(tmp_path: Path) -> None:
    """What a process of another boot wrote down, or nobody can read, counts for nothing."""
    times = Times()
    times.clock(tmp_path).keep()
    path = tmp_path / "clock"
    for text in (path.read_text().replace('"boot":"', '"boot":"x'), "{", ""):
        path.write_text(text)
        times.wall += YEARS
        assert times.clock(tmp_path).now_ms() == times.wall


def test_a_disk_that_refuses_stops_nobody(tmp_path: Path) -> None:
    """Where nothing can be written down, nothing is."""
    times = Times()
    clock = times.clock(tmp_path / "gone")
    clock.keep()
    assert clock.now_ms() == times.wall


async def test_nothing_goes_by_a_jump(link: RedisClient, tmp_path: Path) -> None:
    """A finished task and a waiting one stay when the clock jumps, and go in their time."""
    paths = DataPaths.of(tmp_path, {})
    paths.prepare()
    node = make_node(link, paths, settings())
    times = Times()
    times.wall = now_ms()
    node = replace(node, clock_guard=times.clock(tmp_path))
    retention = Retention(node, Killer(node, lambda _: True))
    done, waiting = spec_of(1), spec_of(2)
    for spec in (done, waiting):
        await node.spool.accept(spec)
        await node.tasks.restore(spec, 1, TaskState.QUEUED, at_ms=now_ms(), requeue=True)
    run = node.spool.find(done.task_id)
    assert run is not None
    run.write_exit(Exit(ExitKind.EXITED, exit_code=0, ended_ms=now_ms()))
    await node.tasks.restore(done, 1, TaskState.SUCCEEDED, at_ms=now_ms())
    await node.spool.finish(done.task_id)
    times.wall += YEARS
    await retention.look()
    assert (await node.tasks.read(ById(done.task_id))).state is TaskState.SUCCEEDED
    assert (await node.tasks.read(ById(waiting.task_id))).state is TaskState.QUEUED
    times.wall -= YEARS
    times.pass_(DAY)
    await retention.look()
    assert node.spool.find(done.task_id) is None
    with pytest.raises(TaskGone):
        await node.tasks.read(ById(done.task_id))
    assert (await node.tasks.read(ById(waiting.task_id))).state is TaskState.KILLING


async def test_a_task_that_the_index_lost_stops_nobody(link: RedisClient, tmp_path: Path) -> None:
    """One that is to go, and runs, is killed although the index does not know it just now."""
    paths = DataPaths.of(tmp_path, {})
    paths.prepare()
    node = make_node(link, paths, settings())
    spec = spec_of(1)
    await node.spool.accept(spec)
    await node.lease.ready(1)
    await Retention(node, Killer(node, lambda _: True)).end(spec.task_id)
    run = node.spool.find(spec.task_id)
    assert run is not None
    assert run.kill_request() is not None
