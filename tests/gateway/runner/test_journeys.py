"""The way of one run through a real runner, real shims and a real Redis."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from pathlib import Path

import pytest

from engines.processes import children
from gateway.clock import now_ms
from protocol.errors import GatewayError, Kind
from protocol.tasks import ById, Reason, TaskId, TaskState
from tests.gateway.runner.rig import Client, Runner
from tests.support.processes import exists, is_forker
from tests.support.waiting import wait_until


@pytest.mark.usefixtures("runner")
async def test_a_script_runs_and_its_lines_are_there(client: Client) -> None:
    """Output of both streams, exit code, times, and the directory out of the way."""
    spec = await client.submit("echo one; echo two >&2; printf three; exit 3")
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.FAILED
    assert task.outcome is not None
    assert (task.outcome.reason, task.outcome.exit_code) == (Reason.EXITED, 3)
    assert task.log_complete
    assert task.last_line == 3
    assert spec.created_ms - 1000 < task.started_ms <= task.finished_ms
    hot = await client.hot_lines(spec.task_id)
    assert sorted(line.data for line in hot) == [b"one", b"three", b"two"]
    assert await client.lines(spec.task_id) == hot
    await wait_until(client.nothing_live, "the run directory is put away")
    assert await client.queue.running("ada") == frozenset()


@pytest.mark.usefixtures("runner")
@pytest.mark.parametrize(
    ("engine", "language", "code"),
    [
        ("shell", "bash", "echo one\n# two"),
        ("python", "python", "print('one')"),
        ("shell", "bash", "# only a comment\necho one"),
    ],
)
async def test_code_may_begin_with_a_byte_order_mark(
    client: Client, engine: str, language: str, code: str
) -> None:
    """Row B2: it is taken off, whatever runs the code and whichever dialect took it."""
    spec = await client.submit(
        f"\ufeff{code}", engine=engine, language=language, parameters={"session": "none"}
    )
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.SUCCEEDED, await client.lines(spec.task_id)
    assert [line.data for line in await client.lines(spec.task_id)] == [b"one"]


@pytest.mark.usefixtures("runner")
@pytest.mark.parametrize(("engine", "language"), [("shell", "bash"), ("python", "python")])
async def test_code_that_is_only_a_comment(client: Client, engine: str, language: str) -> None:
    """Row B13: there is nothing to do, and that succeeds without a line."""
    spec = await client.submit(
        "# only", engine=engine, language=language, parameters={"session": "none"}
    )
    assert (await client.ended(spec.task_id)).state is TaskState.SUCCEEDED
    assert await client.lines(spec.task_id) == []


@pytest.mark.usefixtures("runner")
async def test_the_first_line_comes_while_it_runs(client: Client) -> None:
    """Output of a quiet run is not held back."""
    spec = await client.submit("echo now; sleep 1000")
    await wait_until(lambda: client.has_line(spec.task_id, 1), "the first line")
    assert (await client.tasks.read(ById(spec.task_id))).state in (
        TaskState.STARTING,
        TaskState.RUNNING,
    )
    await client.kill(spec.task_id, 0)
    assert (await client.ended(spec.task_id)).state is TaskState.KILLED


@pytest.mark.usefixtures("runner")
async def test_a_kill_ends_what_ignores_signals(client: Client) -> None:
    """Grace, then certainty, and no child is left."""
    spec = await client.submit("trap '' TERM; sleep 1000 & echo $!; wait; wait")
    await wait_until(lambda: client.has_line(spec.task_id, 1), "the child's pid")
    (line,) = await client.hot_lines(spec.task_id)
    await client.kill(spec.task_id, 0.3)
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.KILLED
    assert not exists(int(line.data))


@pytest.mark.usefixtures("runner")
async def test_caps_hold_and_a_waiting_task_can_be_killed(client: Client) -> None:
    """A task that waits is killed before it starts, with and without a notification."""
    blockers = [await client.submit("sleep 1000") for _ in range(3)]
    waiting = [await client.submit("echo never") for _ in range(2)]
    for spec in blockers:
        await wait_until(partial(client.is_running, spec.task_id), "the cap is reached")
    await client.kill(waiting[0].task_id)
    await client.kill(waiting[1].task_id, notify=False)
    for spec in waiting:
        task = await client.ended(spec.task_id)
        assert task.state is TaskState.KILLED
        assert task.outcome is not None
        assert task.outcome.reason is Reason.KILLED_BEFORE_START
        assert task.last_line == 0
    await asyncio.gather(*(client.kill(spec.task_id, 0) for spec in blockers))
    for spec in blockers:
        assert (await client.ended(spec.task_id)).state is TaskState.KILLED
    assert (await client.queue.counts("ada")).waiting_in_all == 0


@pytest.mark.usefixtures("runner")
async def test_the_time_limit_is_kept(client: Client) -> None:
    """A run that is over its time ends as timed out."""
    spec = await client.submit("echo begun; sleep 1000", seconds=0.3)
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.TIMED_OUT
    assert task.last_line == 1


async def test_a_task_that_waited_too_long_ends(client: Client, runner: Runner) -> None:
    """It ends as timed out for its own reason, also if the runner is another one by then."""
    blockers = [await client.submit("sleep 1000") for _ in range(3)]
    for spec in blockers:
        await wait_until(partial(client.is_running, spec.task_id), "the cap is reached")
    late = await client.submit("echo never", queue_seconds=1)
    patient = await client.submit("echo later", queue_seconds=1000)
    runner.kill()
    runner.start()
    task = await client.ended(late.task_id)
    assert task.state is TaskState.TIMED_OUT
    assert task.outcome is not None
    assert task.outcome.reason is Reason.QUEUE_TIME_LIMIT
    assert (task.outcome.message, task.last_line, task.started_ms) == (
        "the task waited for 1 seconds and may not wait longer",
        0,
        0,
    )
    for spec in blockers:
        await client.kill(spec.task_id, 0)
    assert (await client.ended(patient.task_id)).state is TaskState.SUCCEEDED


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes the fork fail")
async def test_a_start_that_finds_no_process_is_retried_if_asked(
    client: Client, runner: Runner
) -> None:
    """Who asked for retries starts once there are processes again, and runs once; others fail."""
    await client.ended((await client.submit("true")).task_id)
    zygote = _zygote_of(runner)
    calls = "clone,clone3,fork,vfork"
    trace = await asyncio.create_subprocess_exec(
        *("strace", "-qq", "-e", f"trace={calls}", "-o", "/dev/null"),
        *("-e", f"inject={calls}:error=EAGAIN:when=1..5", "-p", str(zygote)),
    )
    try:
        status = Path(f"/proc/{zygote}/status")
        await wait_until(lambda: "TracerPid:\t0" not in status.read_text(), "strace is attached")
        # The shim that waits takes this one. After that each start fails, and so does each shim
        # that is to wait for the next: five forks until the one that succeeds.
        await client.ended((await client.submit("true")).task_id)
        refused = await client.ended((await client.submit("true")).task_id)
        assert refused.outcome is not None
        assert refused.outcome.reason is Reason.START_FAILED
        spec = await client.submit("echo once", retries=2)
        await wait_until(lambda: _retrying(client, spec.task_id), "it to wait for its next try")
        assert (await client.ended(spec.task_id)).state is TaskState.SUCCEEDED
        assert [line.data for line in await client.lines(spec.task_id)] == [b"once"]
    finally:
        trace.terminate()
        await trace.wait()


async def _retrying(client: Client, task_id: TaskId) -> bool:
    """Whether a task is shown as one that waits for another try."""
    return (await client.tasks.read(ById(task_id))).state is TaskState.RETRYING


def _zygote_of(runner: Runner) -> int:
    """The process from which a runner has its runs forked."""
    assert runner.process is not None
    (found,) = (pid for pid in children(runner.process.pid) if is_forker(pid))
    return found


@pytest.mark.usefixtures("runner")
async def test_what_cannot_start_says_why(client: Client) -> None:
    """An unknown engine and a missing input end the task, and the runner goes on."""
    strange = await client.submit("x", engine="no-such-engine")
    task = await client.ended(strange.task_id)
    assert task.state is TaskState.FAILED
    assert task.outcome is not None
    assert task.outcome.reason is Reason.ENGINE_ERROR
    assert "no-such-engine" in task.outcome.message
    fine = await client.submit("true")
    assert (await client.ended(fine.task_id)).state is TaskState.SUCCEEDED


@pytest.mark.usefixtures("runner")
async def test_a_hundred_thousand_lines_are_exact(client: Client) -> None:
    """All lines, once and in order, from Redis as from the disk."""
    spec = await client.submit("seq 100000")
    task = await client.ended(spec.task_id, 30)
    assert task.last_line == 100_000
    expected = [b"%d" % number for number in range(1, 100_001)]
    assert [line.data for line in await client.hot_lines(spec.task_id)] == expected
    stored = await client.lines(spec.task_id)
    assert [line.data for line in stored] == expected
    assert [line.number for line in stored] == list(range(1, 100_001))


@pytest.mark.usefixtures("runner")
async def test_a_task_whose_time_has_passed_goes(client: Client) -> None:
    """An expired task is killed if it runs, then answered as gone, and its files are removed."""
    spec = await client.submit("echo x; sleep 1000", expires_ms=now_ms() + 1500)

    async def expired() -> bool:
        try:
            await client.tasks.read(ById(spec.task_id))
        except GatewayError as error:
            return error.kind is Kind.GONE
        return False

    await wait_until(expired, "the task is gone", 20)
    await wait_until(lambda: client.spool.find(spec.task_id) is None, "its files are gone")
