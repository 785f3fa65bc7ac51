"""Kill is true: whatever the program does, nothing of it is left, with and without groups."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engines.rundir.directory import GRANTED, Exit, ExitKind, RunState
from engines.suite import left
from tests.engines.conftest import PROGRAMS, Judge, Runs
from tests.support.waiting import wait_until


@pytest.mark.parametrize("program", PROGRAMS)
async def test_kill_with_a_group_leaves_nothing(runs: Runs, program: str) -> None:
    """The run's own control group, where there is one, is empty and gone."""
    run = await runs.killed(program)
    shim = run.shim()
    assert shim is not None
    assert not shim.cgroup or not Path(shim.cgroup).exists()


@pytest.mark.parametrize("program", PROGRAMS)
async def test_kill_without_a_group_leaves_nothing(
    ungrouped: tuple[Runs, Judge], program: str
) -> None:
    """The reaper's loop alone gets them all, by the judgement of a group around everything."""
    runs, judge = ungrouped
    run = await runs.child(program)
    await runs.ready(run)
    begun = time.monotonic()
    run.request_kill(0.2)
    run.notify()
    ending = await runs.end(run)
    assert time.monotonic() - begun < 15
    assert ending.kind == ExitKind.KILLED
    await wait_until(lambda: not judge.left(run), "nothing is left, not even the shim")


async def test_kill_without_a_notification_is_seen(runs: Runs) -> None:
    """The request alone is enough; the notification only makes it quicker."""
    run = await runs.start("sleep", "60")
    await wait_until(lambda: run.started() is not None, "the task runs")
    run.request_kill(0)
    assert (await runs.end(run)).kind == ExitKind.KILLED


async def test_a_polite_task_chooses_its_last_words(runs: Runs) -> None:
    """Within the grace a task may tidy up; it was killed nonetheless."""
    run = await runs.start("bash", "-c", "trap 'exit 3' TERM; echo ready; sleep 60 & wait")
    await runs.ready(run)
    run.request_kill(20)
    run.notify()
    ending = await runs.end(run)
    assert (ending.kind, ending.exit_code) == (ExitKind.KILLED, 3)
    assert ending.seconds < 10


async def test_the_state_is_killing_until_nothing_is_left(runs: Runs) -> None:
    """A request that is still being fulfilled shows."""
    run = await runs.child("stubborn.sh")
    await runs.ready(run)
    assert run.state() == RunState.RUNNING
    run.request_kill(1)
    assert run.state() == RunState.KILLING
    await runs.end(run)


async def test_killing_twice_is_killing_once(runs: Runs) -> None:
    """The second request changes nothing and says so."""
    run = await runs.child("stubborn.sh")
    await runs.ready(run)
    assert [run.request_kill(0.1), run.request_kill(60)] == [True, False]
    run.notify()
    ending = await runs.end(run)
    assert ending.seconds < 10
    assert not run.request_kill(0) or run.exit() == ending


async def test_kill_before_the_start_prevents_it(runs: Runs) -> None:
    """A run that was killed before is never started, and ends as that."""
    run = runs.new()
    run.request_kill(5)
    assert run.state() == RunState.ACCEPTED
    assert not await runs.launch(run, "touch", str(runs.directory / "effect"))
    ending = await runs.end(run)
    assert ending.kind == ExitKind.KILLED_BEFORE_START
    assert not (runs.directory / "effect").exists()
    assert run.shim() is None


async def test_kill_during_the_start_is_not_lost(runs: Runs) -> None:
    """Whenever the request comes, the run ends as killed, before the start or after it."""
    for _ in range(20):
        run = runs.new()
        assert await runs.launch(run, "sleep", "60")
        run.request_kill(0)
        run.notify()
        ending = await runs.end(run)
        assert ending.kind in (ExitKind.KILLED, ExitKind.KILLED_BEFORE_START)
        assert left(run) == []


async def test_kill_after_the_end_changes_nothing(runs: Runs) -> None:
    """An ending is final; the request stays without effect."""
    ending, run = await runs.run("sh", "-c", "exit 4")
    run.request_kill(0)
    run.notify()
    assert run.exit() == ending
    assert run.state() == RunState.ENDED


async def test_a_run_that_was_never_started_can_be_called_off(runs: Runs) -> None:
    """Calling off is for those that nobody is on: it ends them, and only them, once."""
    run = runs.new()
    assert run.call_off()
    assert not run.call_off()
    assert (await runs.end(run)).kind == ExitKind.KILLED_BEFORE_START
    started = await runs.start("sleep", "60")
    assert not started.call_off()
    started.request_kill(0)
    await runs.end(started)
    assert not started.call_off()


async def test_a_run_that_was_never_begun_ends_as_it_is_said(runs: Runs) -> None:
    """The first ending counts, a start that was granted elsewhere is a beginning too."""
    run = runs.new()
    refused = Exit(ExitKind.START_FAILED, message="refused", ended_ms=1)
    assert run.call_off(refused)
    assert not run.call_off()
    assert run.exit() == refused
    granted = runs.new()
    granted.write_once(GRANTED, b"{}")
    assert not granted.call_off(refused)
    assert granted.exit() is None
