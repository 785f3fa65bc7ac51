"""The start protocol: at most once, whatever dies in the middle."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest

from engines import cgroups, processes
from engines.contract import EngineError
from engines.launcher import ShimChoice, Zygote
from engines.rundir.directory import ExitKind, RunState
from engines.shim.launch_request import STARTING_NICE
from engines.suite import read_lines
from tests.engines.conftest import FORKED_AHEAD, Runs, pair, waiting
from tests.support.processes import lives
from tests.support.waiting import wait_until


async def test_launching_twice_starts_once(runs: Runs) -> None:
    """Of many launches of one run one starts it; a later one finds that it was started."""
    effect = runs.directory / "work" / "effect"
    run = runs.new()
    code = f"echo x >> {effect}"
    results = await asyncio.gather(*(runs.launch(run, "sh", "-c", code) for _ in range(8)))
    await runs.end(run)
    assert sorted(results) == [False] * 7 + [True]
    assert not await runs.launch(run, "sh", "-c", code)
    assert effect.read_text() == "x\n"


async def test_a_locked_run_is_left_alone(runs: Runs) -> None:
    """While somebody holds the lock nobody else starts the run; afterwards it may be started."""
    run = runs.new()
    lock = run.take()
    assert lock is not None
    assert run.state() == RunState.STARTING
    assert run.take() is None
    assert not await runs.launch(run, "true")
    os.close(lock)
    assert run.state() == RunState.ACCEPTED
    assert await runs.launch(run, "true")
    await runs.end(run)


async def test_a_run_with_a_shim_fact_is_never_started_again(runs: Runs) -> None:
    """A run whose shim is gone without an ending may have had its effect."""
    run = runs.new()
    Path(run.file("shim")).write_text("")
    assert run.state() == RunState.ORPHANED
    assert not await runs.launch(run, "true")


async def test_looking_at_the_state_does_not_disturb_a_launch(runs: Runs) -> None:
    """Probing the lock is harmless, however often it is done."""
    held = runs.new()

    def look() -> None:
        for _ in range(2000):
            held.state()

    looking = asyncio.create_task(asyncio.to_thread(look))
    assert await runs.launch(held, "true")
    await looking
    assert (await runs.end(held)).exit_code == 0


async def test_a_dead_zygote_is_replaced(runs: Runs) -> None:
    """Runs go on without it, and the next start makes a new one."""
    first = await runs.start("sh", "-c", "echo ready; sleep 0.3; echo after")
    await runs.ready(first)
    old = runs.zygote.pid
    os.kill(old, signal.SIGKILL)
    second = await runs.start("true")
    assert runs.zygote.pid not in (0, old)
    assert (await runs.end(first)).exit_code == 0
    assert (await runs.end(second)).exit_code == 0


async def test_a_zygote_that_does_not_answer_is_replaced(runs: Runs, shim: ShimChoice) -> None:
    """A frozen one counts as dead after the deadline, and the run is started once."""
    async with Zygote(answer_seconds=1.0, shim=shim) as zygote:
        runs.zygote = zygote
        os.kill(zygote.pid, signal.SIGSTOP)
        effect = runs.directory / "work" / "effect"
        run = await runs.start("sh", "-c", f"echo x >> {effect}")
        await runs.end(run)
        assert effect.read_text() == "x\n"


async def test_closing_the_zygote_leaves_the_runs_alone(runs: Runs) -> None:
    """A shim outlives the one that started it and everything before."""
    run = await runs.start("sh", "-c", "echo ready; sleep 0.3; exit 6")
    await runs.ready(run)
    await runs.zygote.close()
    assert (await runs.end(run)).exit_code == 6


@pytest.mark.parametrize("shim", ["python"], indirect=True)
async def test_a_zygote_that_cannot_be_started_is_an_error(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an interpreter the launch says so, and the run stays startable."""
    await runs.zygote.close()
    monkeypatch.setattr("sys.executable", "/no/such/python")
    run = runs.new()
    with pytest.raises(EngineError, match="cannot be started"):
        await runs.launch(run, "true")
    assert run.state() == RunState.ACCEPTED


async def test_shims_are_reaped_and_descriptors_stay_few(runs: Runs) -> None:
    """After many runs the zygote has no zombie and nobody has more descriptors than before."""
    await runs.run("true")

    def counts() -> tuple[int, int]:
        return len(list(Path(f"/proc/{runs.zygote.pid}/fd").iterdir())), len(
            list(Path("/proc/self/fd").iterdir())
        )

    async def quiet() -> None:
        pid = runs.zygote.pid
        await wait_until(
            lambda: set(processes.descendants(pid)) == waiting(runs.zygote),
            "no shim is left that had a run",
        )
        await wait_until(lambda: len(waiting(runs.zygote)) == FORKED_AHEAD, "what waits for a run")

    await quiet()
    before = counts()
    ended = [await runs.start("true") for _ in range(30)]
    for run in ended:
        await runs.end(run)
    await quiet()
    assert counts() == before


@pytest.mark.parametrize("dies", ["shim", "task"])
async def test_what_waits_for_a_run_may_die(runs: Runs, dies: str) -> None:
    """A run does not depend on the shim and the task that were forked ahead of it."""
    first, task = await pair(runs.zygote)
    group = Path(cgroups.own_group(), cgroups.name(processes.identity(first)))
    os.kill(first if dies == "shim" else task, signal.SIGKILL)
    gone = {first, task} if dies == "shim" else {task}
    await wait_until(lambda: not any(map(lives, gone)), "the dead to be gone")
    run = runs.new()
    assert await runs.launch(run, "sh", "-c", "echo x; exit 4")
    assert (await runs.end(run)).exit_code == 4
    assert read_lines(run) == [(1, b"x")]
    assert not group.exists()


async def test_what_waits_ends_with_the_zygote(runs: Runs) -> None:
    """Neither process nor group is left of a shim that gets no run."""
    first, task = await pair(runs.zygote)
    group = Path(cgroups.own_group(), cgroups.name(processes.identity(first)))
    await runs.zygote.close()
    await wait_until(lambda: not lives(first), "the shim to end")
    assert not lives(task)
    assert not group.exists()


async def test_a_shim_holds_nothing_but_its_own(runs: Runs, shim: ShimChoice) -> None:
    """Of the zygote's and the runner's descriptors a shim keeps none, and it is modest."""
    run = await runs.start("sleep", "60")
    await wait_until(lambda: run.started() is not None, "the task runs")
    fact = run.shim()
    assert fact is not None
    names = {str(path.readlink()) for path in Path(f"/proc/{fact.pid}/fd").iterdir()}
    files = {name for name in names if name.startswith("/") and name != "/dev/null"}
    assert files == {run.file("lock"), run.file("output")}
    rollup = Path(f"/proc/{fact.pid}/smaps_rollup").read_text()
    private = sum(int(line.split()[1]) for line in rollup.splitlines() if "Private_" in line)
    assert private < (4096 if shim == "python" else 300)
    run.request_kill(0)
    await runs.end(run)


async def test_a_long_message_reaches_the_shim(runs: Runs) -> None:
    """Arguments and environment may be as large as the kernel allows."""
    run = runs.new()
    order = runs.order("sh", "-c", "echo ${#BIG} ${#1}", "sh", "y" * 100_000)
    order = type(order)(order.argv, {**order.environment, "BIG": "x" * 100_000}, order.directory)
    await runs.zygote.launch(run, order, "")
    assert (await runs.end(run)).exit_code == 0
    assert b"100000 100000" in Path(run.file("output")).read_bytes()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes the fork fail")
async def test_no_room_for_a_process_is_an_ending(runs: Runs) -> None:
    """If no shim can be forked the run ends as start_failed with the reason, and is not retried."""
    await runs.run("true")
    await pair(runs.zygote)
    trace = await asyncio.create_subprocess_exec(
        *("strace", "-qq", "-e", "trace=clone,clone3,fork,vfork", "-o", "/dev/null"),
        *("-e", "inject=clone,clone3,fork,vfork:error=EAGAIN", "-p", str(runs.zygote.pid)),
    )
    try:
        status = Path(f"/proc/{runs.zygote.pid}/status")
        await wait_until(lambda: "TracerPid:\t0" not in status.read_text(), "strace is attached")
        await runs.run("true")  # that one was forked ahead
        run = await runs.start("true")
        ending = await runs.end(run)
        assert (ending.kind, ending.reason) == (ExitKind.START_FAILED, "EAGAIN")
        assert run.shim() is None
    finally:
        trace.terminate()
        await trace.wait()


async def test_runs_stand_back_as_far_as_they_are_told(runs: Runs, shim: ShimChoice) -> None:
    """A task has the niceness that its zygote was given."""
    async with Zygote(nice=3, shim=shim) as zygote:
        runs.zygote = zygote
        _, run = await runs.run("nice")
        assert int(read_lines(run)[0][1]) - os.nice(0) == 3


async def test_a_new_run_stands_back_until_it_has_lived_a_moment(
    runs: Runs, shim: ShimChoice
) -> None:
    """Where sessions share processors first: those of shim and task stand back at the start."""
    if not Path("/proc/self/autogroup").exists() or os.geteuid():
        pytest.skip("needs a kernel with groups of sessions, and the right to weigh them")
    async with Zygote(nice=3, shim=shim) as zygote:
        runs.zygote = zygote
        await wait_until(lambda: processes.children(zygote.pid) != [], "a shim to wait")
        (new,) = processes.children(zygote.pid)
        path = Path(f"/proc/{new}/autogroup")
        await wait_until(lambda: f"nice {STARTING_NICE}" in path.read_text(), "it to stand back")
        both = "cat /proc/$PPID/autogroup /proc/$$/autogroup"
        settled = f"{both} | grep -c 'nice {3 + os.nice(0)}$' | grep -q 2"
        _, run = await runs.run("sh", "-c", f"until {settled}; do sleep 0.02; done; echo settled")
        assert read_lines(run) == [(1, b"settled")]
