"""Kill against everything that tries to outlive it, judged by a control group of the test's own.

Each victim is killed in both ways there are: by the run's own control group, and, where none can
be made, by the shim that is the parent of every orphan.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.launcher import ShimChoice
from engines.rundir.directory import WORK, RunDir
from engines.rundir.facts import ExitKind, RunState
from engines.rundir.requests import RunEvent, request
from tests.faults.bench import SHIMS, Bench, bench, child, output, spent
from tests.faults.cgroup_judge import Judge, judging
from tests.faults.chance import chance
from tests.faults.pace import pause
from tests.support.waiting import wait_until

SH = ("sh", "-c")
STUBBORN = (
    "trap '' TERM HUP INT; echo ready; i=0; while [ $i -lt 300 ]; do sleep 0.2; i=$((i+1)); done"
)
VICTIMS = {
    "ignores TERM": (*SH, STUBBORN),
    "ignores all": child("ignores"),
    "daemon": child("daemon", "leave"),
    "daemon beside": child("daemon"),
    "nohup": (*SH, "nohup sleep 60 & nohup setsid sleep 60 & echo ready; wait"),
    "stopped": child("stopped"),
    "fork storm": child("forks"),
    "pid hopper": child("hopper", "leave"),
    "pid hopper beside": child("hopper"),
}
GRACE = 0.5
BOUND = GRACE + 2.0


@pytest.fixture(params=["cgroup", "subreaper"])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    """A judge that allows runs a group of their own, or does not."""
    with judging(str(request.param)) as made:
        if request.param == "subreaper":
            made.childless()
        yield made


@pytest.fixture(params=SHIMS)
def shim(request: pytest.FixtureRequest) -> ShimChoice:
    """Which shim the victims have."""
    chosen: ShimChoice = request.param
    return chosen


LEAVING = ("daemon", "pid hopper")
"""Those whose main process ends at once: there is nothing to suspend."""


async def killed(
    folder: Path, judge: Judge, victim: str, shim: ShimChoice, *, suspended: bool = False
) -> None:
    """Starts one victim, kills it when it is ready, and lets the judge say what is left."""
    async with bench(folder, judge, shim) as runs:
        run = runs.make()
        assert await runs.launch(run, *VICTIMS[victim])
        await wait_until(lambda: b"ready" in output(run), f"{victim} to be ready")
        if suspended:
            request(run, lambda _: RunEvent("suspend", 1))
            run.notify()
            await wait_until(lambda: run.state() is RunState.SUSPENDED, f"{victim} to stand still")
        began = time.monotonic()
        assert run.request_kill(GRACE)
        run.notify()
        await gone(run, began, victim)
        exit_ = run.exit()
        assert exit_ is not None
        # The main process of a daemon has left by itself before; its code counts then.
        assert exit_.kind in {ExitKind.KILLED, ExitKind.EXITED}, exit_
        if exit_.kind is ExitKind.EXITED:
            assert victim in {"daemon", "pid hopper"}
    await empty(judge, victim)


async def gone(run: RunDir, began: float, what: str) -> None:
    """Waits for the ending, which must come within the bound."""
    await wait_until(lambda: run.exit() is not None, f"{what} to end", BOUND + 3)
    assert spent(began) < BOUND, f"{what} took {spent(began):.2f} s"


async def empty(judge: Judge, what: str) -> None:
    """With the zygote gone nobody may be left in the judge's group."""
    await wait_until(lambda: not judge.populated, f"nobody to be left of {what}: {judge.members()}")


@pytest.mark.parametrize("victim", VICTIMS)
async def test_nothing_is_left(victim: str, judge: Judge, tmp_path: Path, shim: ShimChoice) -> None:
    """Whatever the victim does, it is gone within the grace and two seconds."""
    await killed(tmp_path, judge, victim, shim)


@pytest.mark.parametrize("victim", [one for one in VICTIMS if one not in LEAVING])
async def test_nothing_is_left_of_a_suspended_one(
    victim: str, judge: Judge, tmp_path: Path, shim: ShimChoice
) -> None:
    """The same holds for one that stands still: it is gone as soon."""
    await killed(tmp_path, judge, victim, shim, suspended=True)


@pytest.mark.storm
@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", VICTIMS)
async def test_nothing_is_left_twenty_times(
    victim: str, judge: Judge, tmp_path: Path, shim: ShimChoice
) -> None:
    """As above, twenty rounds."""
    for _ in range(20):
        await killed(tmp_path, judge, victim, shim)


async def race(runs: Bench, wait: float, *argv: str) -> None:
    """Launches and kills so many seconds later; every ending must be a true one."""
    run = runs.make()
    launched = asyncio.create_task(runs.launch(run, *argv))
    try:
        if wait:
            await pause(wait)
        began = time.monotonic()
        run.request_kill(GRACE)
        run.notify()
    finally:
        await launched
    run.notify()
    await gone(run, began, f"{argv} killed after {wait * 1000:.1f} ms")
    exit_ = run.exit()
    assert exit_ is not None
    marks = len(os.listdir(run.file(WORK)))  # noqa: PTH208 - the run directory speaks in texts
    match exit_.kind:
        case ExitKind.EXITED:
            assert (exit_.exit_code, marks) == (0, 1)
        case ExitKind.KILLED_BEFORE_START:
            assert marks == 0
        case kind:
            assert kind is ExitKind.KILLED, exit_


@pytest.mark.parametrize("moment", ["start", "exit"])
@pytest.mark.parametrize("rounds", [20, pytest.param(400, marks=pytest.mark.storm)])
async def test_a_kill_at_any_moment(
    moment: str, rounds: int, judge: Judge, tmp_path: Path, shim: ShimChoice
) -> None:
    """A kill before, at and after the start or the end leaves one true ending and nobody behind."""
    dice = chance(moment, rounds)
    long = "sleep 60" if moment == "start" else ":"
    async with bench(tmp_path, judge, shim) as runs:
        for _ in range(rounds):
            await race(runs, dice.uniform(0, 0.015), *SH, f": > mark; {long}")
    await empty(judge, moment)
