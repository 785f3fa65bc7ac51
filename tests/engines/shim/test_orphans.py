"""A run whose shim died: it is an orphan, what is left of it is killed, and it is lost."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from pathlib import Path

import pytest

from engines.processes import boot_id
from engines.rundir.directory import ExitKind, RunDir, RunState
from engines.rundir.facts import ShimFact, encode
from engines.rundir.records import header
from engines.shim.orphans import sweep_orphan
from engines.suite import left, read_lines
from tests.engines.conftest import Judge, Runs
from tests.support.waiting import wait_until


async def sweep(run: RunDir) -> None:
    """Sweeps once the kernel has given the lock back."""
    await wait_until(lambda: run.state() == RunState.ORPHANED, f"{run} is an orphan")
    ending = await asyncio.to_thread(sweep_orphan, run)
    assert ending == run.exit()


@pytest.mark.parametrize("program", ["stubborn.sh", "daemon.py", "stopped.py"])
async def test_what_a_dead_shim_left_is_killed(runs: Runs, program: str) -> None:
    """The tree goes, the run is lost with the reason, and what it said is kept."""
    run = await runs.child(program)
    await runs.ready(run)
    shim = run.shim()
    assert shim is not None
    os.kill(shim.pid, signal.SIGKILL)
    await sweep(run)
    ending = run.exit()
    assert ending is not None
    assert (ending.kind, ending.reason) == (ExitKind.LOST, "shim_died")
    assert ending.verified == bool(shim.cgroup)
    assert left(run) == []
    assert read_lines(run) == [(1, b"ready")]
    assert not shim.cgroup or not Path(shim.cgroup).exists()


async def test_without_a_group_the_cookie_finds_them(ungrouped: tuple[Runs, Judge]) -> None:
    """They are gone, but nobody proved it, and the ending says so."""
    runs, judge = ungrouped
    run = await runs.child("daemon.py")
    await runs.ready(run)
    shim = run.shim()
    assert shim is not None
    os.kill(shim.pid, signal.SIGKILL)
    await sweep(run)
    ending = run.exit()
    assert ending is not None
    assert (ending.kind, ending.verified) == (ExitKind.LOST, False)
    await wait_until(lambda: not judge.left(run), "nothing is left")


@pytest.mark.parametrize("shim", ["python", "native"], indirect=True)
async def test_a_task_that_kills_its_shim_is_swept(runs: Runs) -> None:
    """Killing the one who watches helps nobody."""
    run = await runs.child("parent_killer.py")
    await sweep(run)
    ending = run.exit()
    assert ending is not None
    assert ending.kind == ExitKind.LOST
    assert left(run) == []


async def test_a_living_run_is_not_swept(runs: Runs) -> None:
    """While the lock is held sweeping does nothing, nor does it after an ending."""
    run = await runs.start("sleep", "60")
    assert sweep_orphan(run) is None
    assert run.state() in (RunState.STARTING, RunState.RUNNING)
    run.request_kill(0)
    ending = await runs.end(run)
    await wait_until(lambda: not run.locked(), "the shim is gone")
    assert sweep_orphan(run) == ending


class Watched(RunDir):
    """A run at whose state somebody looks just when its lock is wanted for the first time."""

    look: int | None = None
    refused = 0

    def take(self) -> int | None:
        """Takes the lock; the look is over once it was refused."""
        lock = super().take()
        if lock is None and self.look is not None:
            self.refused += 1
            os.close(self.look)
            self.look = None
        return lock


async def test_a_look_at_an_orphan_does_not_save_it(runs: Runs) -> None:
    """A look holds the lock for a moment, and longer if a process is made meanwhile."""
    run = Watched(runs.new().path)
    run.write("shim", encode(ShimFact(1, 1, boot_id())), durable=True)
    run.look = os.open(run.file("lock"), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC)
    fcntl.flock(run.look, fcntl.LOCK_SH)
    assert run.state() is RunState.ORPHANED
    ending = sweep_orphan(run)
    assert run.refused == 1
    assert ending is not None
    assert ending.kind is ExitKind.LOST


async def test_an_accepted_run_is_not_swept(runs: Runs) -> None:
    """A run that was never started is no orphan."""
    run = runs.new()
    assert sweep_orphan(run) is None
    assert run.state() == RunState.ACCEPTED


async def test_after_another_boot_nothing_is_signalled(runs: Runs) -> None:
    """A run of before a restart is lost to the restart, and its cookie is not looked for."""
    bystander = await runs.start("sleep", "60")
    await wait_until(lambda: bystander.started() is not None, "the bystander runs")
    run = RunDir(f"{runs.directory}/{bystander.run_id}")
    Path(run.path).mkdir()
    run.write("shim", encode(ShimFact(1, 1, "another boot")), durable=True)
    ending = sweep_orphan(run)
    assert ending is not None
    assert (ending.kind, ending.reason) == (ExitKind.LOST, "node_restarted")
    assert left(bystander) != []
    bystander.request_kill(0)
    await runs.end(bystander)


async def test_a_torn_last_record_is_mended(runs: Runs) -> None:
    """What arrived of a record whose writer died is kept, and the output is whole again."""
    run = runs.new()
    run.write("shim", encode(ShimFact(1, 1, boot_id())), durable=True)
    whole = header(1, 5, 6) + b"whole\n"
    Path(run.file("output")).write_bytes(whole + header(1, 6, 100) + b"torn")
    ending = sweep_orphan(run)
    assert ending is not None
    assert ending.bytes == run.output_size() == len(whole) + 16 + 4
    assert read_lines(run) == [(1, b"whole"), (1, b"torn")]


async def test_a_group_of_another_name_is_not_touched(runs: Runs, group: str) -> None:
    """A shim fact that names a group that is not the run's does not get that one killed."""
    run = runs.new()
    run.write("shim", encode(ShimFact(1, 1, boot_id(), group)), durable=True)
    ending = sweep_orphan(run)
    assert ending is not None
    assert not ending.verified
    assert not group or Path(group).exists()
