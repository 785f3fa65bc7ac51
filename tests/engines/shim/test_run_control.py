"""A run is suspended, resumed, signalled, warned and given another limit while it goes on."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engines import processes
from engines.launcher import ShimChoice, Zygote
from engines.rundir.directory import EVENTS, RunDir
from engines.rundir.facts import ExitKind, RunState
from engines.rundir.requests import RunEvent, read_events, request
from engines.suite import left, read_lines
from tests.engines.conftest import PROGRAMS, Runs, in_mode
from tests.support.waiting import wait_until

TICKER = "i=0; while :; do i=$((i+1)); echo $i > tick.$$; sleep 0.01; done"


@pytest.fixture(params=["group", "no group"])
async def both(
    request: pytest.FixtureRequest, tmp_path: Path, shim: ShimChoice, *, sandboxed: bool
) -> AsyncIterator[Runs]:
    """Runs with control groups of their own, and without."""
    async with Zygote(groups=request.param == "group", shim=shim) as zygote:
        yield in_mode(Runs(tmp_path, zygote), sandboxed=sandboxed)


def ask(run: RunDir, event: str, **details: object) -> None:
    """Asks something of a run and knocks."""
    request(run, lambda _: RunEvent(event, 1, "ada", **details))  # type: ignore[arg-type]  # named by the callers
    run.notify()


def said(run: RunDir) -> list[str]:
    """What was asked and done, in order."""
    return [event.event for event in read_events(run.file(EVENTS))[0]]


async def state(run: RunDir, wanted: RunState) -> None:
    """Waits for a state."""
    await wait_until(lambda: run.state() is wanted, f"{run} to be {wanted}")


async def told(run: RunDir, *wanted: str) -> None:
    """Waits until this was asked and done: it is noted right after the state has changed."""
    await wait_until(lambda: said(run) == list(wanted), f"{wanted} to be noted of {run}")


async def ticking(runs: Runs, **limits: float) -> RunDir:
    """A run that counts into a file."""
    run = await runs.start("sh", "-c", f"({TICKER}) & {TICKER}", **limits)
    await wait_until(lambda: len(ticks(runs)) == 1, "it to count")
    return run


def ticks(runs: Runs) -> dict[str, str]:
    """How far the counters are."""
    found = (runs.directory / "work").glob("tick.*")
    return {path.name: path.read_text() for path in found}


async def pause(seconds: float) -> None:
    """Lets time pass."""
    until = time.monotonic() + seconds
    await wait_until(lambda: time.monotonic() >= until, "time to pass", seconds + 5)


async def stop(runs: Runs, run: RunDir) -> None:
    """Kills a run, which must leave nothing."""
    run.request_kill(0)
    run.notify()
    assert (await runs.end(run)).kind is ExitKind.KILLED
    assert left(run) == []


async def test_a_suspended_run_stands_still_until_it_is_resumed(both: Runs) -> None:
    """Main process and children, as often as one likes."""
    run = await ticking(both)
    round_ = ("suspend", "suspended", "resume", "resumed")
    for count in range(3):
        ask(run, "suspend")
        await state(run, RunState.SUSPENDED)
        before = ticks(both)
        await pause(0.1)
        assert ticks(both) == before
        await told(run, *round_ * count, *round_[:2])
        ask(run, "resume")
        await state(run, RunState.RUNNING)
        await told(run, *round_ * (count + 1))
        await wait_until(lambda: ticks(both) != before, "it to count on")  # noqa: B023 - awaited here
    await stop(both, run)


@pytest.mark.parametrize("program", PROGRAMS)
async def test_whatever_a_run_does_it_is_suspended_and_killed(both: Runs, program: str) -> None:
    """Nothing moves in the suspended tree, and a kill in the midst of it leaves nothing."""
    run = await both.child(program)
    await both.ready(run)
    ask(run, "suspend")
    await state(run, RunState.SUSPENDED)
    shim = run.shim()
    assert shim is not None
    before = {pid: cpu(pid) for pid in processes.descendants(shim.pid)}
    await pause(0.1)
    assert {pid: cpu(pid) for pid in processes.descendants(shim.pid)} == before
    run.request_kill(0.2)
    run.notify()
    assert run.state() is RunState.KILLING
    ending = await both.end(run)
    assert ending.kind is ExitKind.KILLED
    assert left(run) == []


def cpu(pid: int) -> list[bytes]:
    """The time that a process has used, and its children."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[11:15]


async def test_a_suspended_run_may_say_its_last_words(both: Runs) -> None:
    """A kill with a grace resumes it first."""
    run = await both.start("bash", "-c", "trap 'exit 3' TERM; echo ready; sleep 60 & wait")
    await both.ready(run)
    ask(run, "suspend")
    await state(run, RunState.SUSPENDED)
    run.request_kill(20)
    run.notify()
    ending = await both.end(run)
    assert (ending.kind, ending.exit_code) == (ExitKind.KILLED, 3)


async def test_what_stood_still_by_itself_is_not_woken(ungrouped: tuple[Runs, object]) -> None:
    """Suspending and resuming leaves it as it was."""
    runs, _ = ungrouped
    run = await runs.child("stopped.py")
    await runs.ready(run)
    started = run.started
    await wait_until(lambda: started() is not None, "it is known who it is")
    begun = started()
    assert begun is not None
    await wait_until(lambda: processes.thread_states(begun.pid) == b"T", "it to stop itself")
    ask(run, "suspend")
    await state(run, RunState.SUSPENDED)
    ask(run, "resume")
    await state(run, RunState.RUNNING)
    assert processes.thread_states(begun.pid) == b"T"
    await stop(runs, run)


async def test_the_time_of_a_suspended_run_stands_still(both: Runs) -> None:
    """Its limit counts only what it ran, and so does its ending."""
    run = await ticking(both, seconds=1.0)
    ask(run, "suspend")
    await state(run, RunState.SUSPENDED)
    await pause(1.3)
    assert run.state() is RunState.SUSPENDED
    ask(run, "resume")
    ending = await both.end(run)
    assert ending.kind is ExitKind.TIME_LIMIT
    assert 0.9 < ending.seconds < 1.9


async def test_a_suspended_run_that_is_killed_from_outside_ends(both: Runs) -> None:
    """As what it is: the signal ended it, and the rest is cleared away."""
    run = await ticking(both)
    ask(run, "suspend")
    await state(run, RunState.SUSPENDED)
    # That it began is stated after that it stands still, if it was suspended at once.
    await wait_until(lambda: run.started() is not None, "it to be stated to run")
    begun = run.started()
    assert begun is not None
    os.kill(begun.pid, 9)
    ending = await both.end(run)
    assert (ending.kind, ending.signal) == (ExitKind.SIGNALLED, 9)
    assert left(run) == []


async def test_a_lower_limit_than_what_has_passed_ends_the_run(runs: Runs) -> None:
    """At once, for the reason of its time limit."""
    run = await ticking(runs)
    ask(run, "limit", seconds=0.001)
    assert (await runs.end(run)).kind is ExitKind.TIME_LIMIT


async def test_a_limit_is_taken_away(runs: Runs) -> None:
    """The run then goes on for as long as it likes, within what is allowed to all."""
    run = await ticking(runs, seconds=1.0)
    ask(run, "limit")
    await pause(1.2)
    assert run.state() is RunState.RUNNING
    await stop(runs, run)


async def test_no_limit_goes_beyond_what_is_allowed(runs: Runs) -> None:
    """What was asked before the start counts as well."""
    run = runs.new()
    ask(run, "limit", seconds=100.0)
    limits = {"seconds": 50.0, "most_seconds": 0.3}
    assert await runs.launch(run, "sleep", "60", limits=runs.limits(**limits))
    assert (await runs.end(run)).kind is ExitKind.TIME_LIMIT


async def test_a_signal_goes_to_the_main_process(runs: Runs) -> None:
    """Each request once, also those that were made before it ran."""
    run = runs.new()
    code = "trap 'echo caught' USR1; echo ready; while :; do sleep 0.01; done"
    assert await runs.launch(run, "bash", "-c", code)
    await runs.ready(run)
    for count in (1, 2):
        ask(run, "signal", signal=10)
        await wait_until(lambda: read_lines(run).count((1, b"caught")) == count, "the trap")  # noqa: B023 - awaited here
    await stop(runs, run)
    assert said(run) == ["signal", "signalled"] * 2


async def test_a_signal_may_go_to_all_processes(both: Runs) -> None:
    """One that is suspended gets it when it goes on."""
    code = "trap 'echo caught' USR1; echo listening; while :; do sleep 0.01; done"
    run = await both.start("bash", "-c", f"({code}) & {code}")
    await wait_until(lambda: read_lines(run).count((1, b"listening")) == 2, "both to listen")
    ask(run, "suspend")
    await state(run, RunState.SUSPENDED)
    ask(run, "signal", signal=10, tree=True)
    await wait_until(lambda: "signalled" in said(run), "the signal to be sent")
    assert (1, b"caught") not in read_lines(run)
    assert run.state() is RunState.SUSPENDED
    ask(run, "resume")
    await wait_until(lambda: read_lines(run).count((1, b"caught")) == 2, "both traps")
    await stop(both, run)


async def test_a_run_is_warned_before_its_time_is_up(runs: Runs) -> None:
    """Once, with the signal that it asked for; it may end itself in time."""
    code = "trap 'echo checkpoint; exit 7' USR1; while :; do sleep 0.01; done"
    run = await runs.start(
        "bash", "-c", code, seconds=30.0, warn_signal=10, warn_seconds=29.5, grace_seconds=1
    )
    ending = await runs.end(run)
    assert (ending.kind, ending.exit_code) == (ExitKind.EXITED, 7)
    assert (1, b"checkpoint") in read_lines(run)
    assert said(run) == ["warned"]


async def test_a_held_run_is_not_started_until_it_is_resumed(runs: Runs) -> None:
    """It stays accepted, and may be started afterwards."""
    run = runs.new()
    ask(run, "hold")
    effect = runs.directory / "work" / "effect"
    assert not await runs.launch(run, "touch", str(effect))
    assert run.state() is RunState.ACCEPTED
    ask(run, "resume")
    assert await runs.launch(run, "touch", str(effect))
    assert (await runs.end(run)).exit_code == 0
    assert effect.exists()


async def test_asked_before_the_start_is_done_once_it_runs(both: Runs) -> None:
    """Nothing that was acknowledged is lost between the two."""
    run = both.new()
    ask(run, "suspend")
    assert await both.launch(run, "sleep", "60")
    await state(run, RunState.SUSPENDED)
    await wait_until(run.started, "its start to be stated")
    await stop(both, run)


async def test_a_request_without_a_knock_is_seen(runs: Runs) -> None:
    """The knock only makes it quicker."""
    run = await ticking(runs)
    request(run, lambda _: RunEvent("suspend", 1))
    await state(run, RunState.SUSPENDED)
    await stop(runs, run)


async def test_nothing_is_suspended_once_a_kill_has_begun(both: Runs) -> None:
    """The kill goes on as if nobody had asked."""
    run = await both.child("stubborn.sh")
    await both.ready(run)
    run.request_kill(0.5)
    run.notify()
    ask(run, "suspend")
    assert (await both.end(run)).kind is ExitKind.KILLED
    assert "suspended" not in said(run)


async def test_a_flood_of_requests_ends_in_the_last_one(both: Runs) -> None:
    """Whatever came between."""
    run = await ticking(both)
    for _ in range(20):
        ask(run, "suspend")
        ask(run, "resume")
    ask(run, "suspend")
    await state(run, RunState.SUSPENDED)
    ask(run, "resume")
    await state(run, RunState.RUNNING)
    before = ticks(both)
    await wait_until(lambda: ticks(both) != before, "it to count")
    await stop(both, run)
