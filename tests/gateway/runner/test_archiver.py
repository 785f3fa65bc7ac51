"""How much is kept of what has ended, and how it is answered for afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engines.rundir.archive import ARCHIVE
from engines.rundir.directory import OUTPUT
from engines.rundir.facts import Exit, ExitKind
from gateway.clock import now_ms
from gateway.data_paths import DataPaths
from gateway.runner.index.recover import Recovery
from gateway.runner.retention import Retention
from gateway.runner.run.control import Controller
from gateway.runner.run.kill import Killer
from gateway.stores.errors import TaskGone
from gateway.stores.redis_client import RedisClient
from gateway.stores.spec import TaskSpec
from gateway.stores.tombstones import Tombstone, Tombstones
from protocol.logs import Cursor
from protocol.tasks import ById, ByNumber, TaskId, TaskState
from tests.gateway.runner.rig import make_node, record, settings, spec_of
from tests.support.waiting import wait_until


class Scene:
    """A node with finished runs."""

    def __init__(self, link: RedisClient, folder: Path, **limits: object) -> None:
        paths = DataPaths.of(folder, {})
        paths.prepare()
        self.node = make_node(link, paths, settings(**limits))
        killer = Killer(self.node, lambda _: True)
        self.retention = Retention(self.node, killer)
        controller = Controller(self.node, lambda: None)
        self.recovery = Recovery(self.node, lambda _: True, killer, controller)

    async def finished(self, number: int, size: int = 10, owner: str = "ada") -> TaskSpec:
        """A finished run with so much output."""
        spec = spec_of(number, owner=owner)
        await self.node.spool.accept(spec)
        run = self.node.spool.find(spec.task_id)
        assert run is not None
        record(run, b"some line\n" * (size // 10))
        run.write_exit(Exit(ExitKind.EXITED, exit_code=0, ended_ms=now_ms()))
        await self.node.tasks.restore(spec, 1, TaskState.SUCCEEDED, at_ms=now_ms())
        await self.node.spool.finish(spec.task_id)
        return spec

    async def kept(self) -> set[str]:
        """The finished runs on disk."""
        found: set[str] = set()
        for day in await self.node.spool.done_days():
            found.update(await self.node.spool.done_ids(day))
        return found

    async def settled(self, expected: set[TaskId]) -> None:
        """Lets the keeping work until just these runs are kept."""

        async def so() -> bool:
            return await self.kept() == expected

        task = asyncio.create_task(self.retention.archiver.run())
        try:
            await wait_until(so, "the others to be gone")
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.mark.parametrize(
    "limits",
    [
        {"retention__per_user_runs": 2},
        {"retention__total_runs": 3},
        {"retention__per_user_bytes": 50_000},
    ],
)
async def test_the_oldest_go_when_there_are_too_many(
    link: RedisClient, tmp_path: Path, limits: dict[str, object]
) -> None:
    """By number or by bytes, of one user or of all; what went is answered as gone."""
    scene = Scene(link, tmp_path, **limits)
    specs = [await scene.finished(number, 10_000) for number in range(1, 5)]
    if "retention__total_runs" not in limits:
        other = await scene.finished(9, owner="bob")
        await scene.settled({spec.task_id for spec in (*specs[2:], other)})
    else:
        await scene.settled({spec.task_id for spec in specs[1:]})
    with pytest.raises(TaskGone):
        await scene.node.tasks.read(ById(specs[0].task_id))


async def test_what_is_gone_stays_gone_when_redis_forgets(
    link: RedisClient, tmp_path: Path
) -> None:
    """After a flush a task that is no longer kept is still answered as gone, by all its names."""
    scene = Scene(link, tmp_path)
    spec = await scene.finished(1)
    await scene.retention.end(spec.task_id)
    await link.call("FLUSHALL")
    await scene.recovery.rebuild()
    await scene.node.lease.ready(1)
    for ref in (ById(spec.task_id), ByNumber(1)):
        with pytest.raises(TaskGone):
            await scene.node.tasks.read(ref)


async def test_a_long_output_is_sealed(link: RedisClient, tmp_path: Path) -> None:
    """The archive takes the place of the output, and the log is the same."""
    scene = Scene(link, tmp_path)
    spec = await scene.finished(1, 500_000)
    run = scene.node.spool.find(spec.task_id)
    assert run is not None
    task = asyncio.create_task(scene.retention.archiver.run())
    await wait_until(
        lambda: Path(run.file(ARCHIVE)).exists() and not Path(run.file(OUTPUT)).exists(),
        "the archive",
    )
    task.cancel()
    await asyncio.wait([task])
    page = await scene.node.spool.read_log(spec.task_id, Cursor(50_000), 10, 1000)
    assert page is not None
    assert [line.data for line in page.lines()] == [b"some line"]
    assert page.eof


def test_tombstones_end_by_themselves(tmp_path: Path) -> None:
    """A day's file goes when the day is over; a torn line costs itself only."""
    stones = Tombstones(tmp_path / "buried")
    stones.prepare()
    day = 86_400_000
    old, *new = (Tombstone(TaskId(f"t{n}"), n, "ada", "", n * day + 5) for n in range(10, 14))
    for stone in (old, *new):
        stones.add(stone)
    path = tmp_path / "buried" / "19700112"
    path.write_bytes(path.read_bytes() + b'{"task_id": "torn')
    found = [stone for step in stones.steps(11 * day, 2) for stone in step]
    assert found == new[::-1]
    assert not (tmp_path / "buried" / "19700111").exists()
