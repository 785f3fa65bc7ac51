"""Runs while the runner, a shim, a directory, a notification or Redis is lost, and what is kept."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from engines.rundir.facts import RunState
from gateway.clock import now_ms
from gateway.data_paths import DataPaths
from gateway.ids import new_task_id
from gateway.stores import keys
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.redis_client import RedisClient
from gateway.stores.spool import FORGET
from gateway.stores.tasks import QueueLimits
from protocol.errors import GatewayError, Kind
from protocol.tasks import ById, Reason, TaskId, TaskState
from tests.gateway.runner.rig import Client, Runner, running, spec_of
from tests.support.processes import exists, gone
from tests.support.waiting import wait_until


async def test_a_runner_that_is_killed_leaves_everything_to_the_next(
    client: Client, runner: Runner
) -> None:
    """SIGKILL in the middle of a run and of its log: nothing is lost, repeated or run twice."""
    spec = await client.submit(
        "echo start >> effect; for i in $(seq 2000); do echo $i; done; "
        "while [ ! -e go ]; do sleep 0.02; done; "
        "for i in $(seq 2001 4000); do echo $i; done; cat effect; exit 7"
    )
    await wait_until(lambda: client.has_line(spec.task_id, 100), "it prints")
    queued = await client.submit("echo later")
    runner.kill()
    touch(client, spec.task_id, "go")
    runner.start()
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.FAILED
    assert task.outcome is not None
    assert task.outcome.exit_code == 7
    expected = [b"%d" % number for number in range(1, 4001)] + [b"start"]
    assert [line.data for line in await client.hot_lines(spec.task_id)] == expected
    assert (await client.ended(queued.task_id)).state is TaskState.SUCCEEDED


async def test_a_runner_that_is_told_to_end_leaves_its_runs_alone(
    client: Client, runner: Runner
) -> None:
    """SIGTERM ends the runner at once and no run; the next one goes on."""
    spec = await client.submit("echo begun; while [ ! -e go ]; do sleep 0.02; done; echo ended")
    await wait_until(lambda: client.has_line(spec.task_id, 1), "it prints")
    begun = time.monotonic()
    assert runner.end() == 0
    assert time.monotonic() - begun < 5
    run = client.spool.find(spec.task_id)
    assert run is not None
    assert run.state() is RunState.RUNNING
    runner.start()
    touch(client, spec.task_id, "go")
    assert (await client.ended(spec.task_id)).state is TaskState.SUCCEEDED
    texts = [line.data for line in await client.hot_lines(spec.task_id)]
    assert texts == [b"begun", b"ended"]


async def test_a_run_may_end_while_nobody_looks(client: Client, runner: Runner) -> None:
    """What ended between two runners is found by the second, with everything it said."""
    spec = await client.submit("echo begun; while [ ! -e go ]; do sleep 0.02; done; seq 500")
    await wait_until(lambda: client.has_line(spec.task_id, 1), "it prints")
    runner.kill()
    touch(client, spec.task_id, "go")
    run = client.spool.find(spec.task_id)
    assert run is not None
    await wait_until(lambda: run.state() is RunState.ENDED, "the run ended alone")
    runner.start()
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.SUCCEEDED
    assert task.last_line == 501


@pytest.mark.usefixtures("runner")
async def test_a_shim_that_dies_loses_its_run_and_nothing_is_left(client: Client) -> None:
    """The run is lost, its processes are killed, what it said is kept."""
    spec = await client.submit("echo $$; sleep 1000")
    await wait_until(lambda: client.has_line(spec.task_id, 1), "it prints")
    (line,) = await client.hot_lines(spec.task_id)
    run = client.spool.find(spec.task_id)
    assert run is not None
    fact = run.shim()
    assert fact is not None
    os.kill(fact.pid, signal.SIGKILL)
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.LOST
    assert task.outcome is not None
    assert task.outcome.reason is Reason.SHIM_DIED
    assert task.last_line == 1
    gone(int(line.data))


@pytest.mark.usefixtures("runner")
async def test_what_a_dead_gateway_accepted_is_run(client: Client) -> None:
    """A task that is on disk and that nobody indexed is found, queued and run once."""
    await client.submit("true")
    number = await client.tasks.reserve("ada", QueueLimits())
    old = now_ms() - 10_000
    spec = replace(spec_of(number, "echo once"), task_id=new_task_id(old))
    await client.spool.accept(spec)
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.SUCCEEDED
    assert task.last_line == 1


@pytest.mark.usefixtures("runner")
async def test_a_record_that_redis_lost_comes_back(client: Client, link: RedisClient) -> None:
    """A live task whose record vanished is known again with its next sign of life."""
    spec = await client.submit("echo one; while [ ! -e go ]; do sleep 0.02; done; echo two")
    await wait_until(partial(client.has_line, spec.task_id, 1), "it prints")
    await link.call("DEL", keys.TASK.key(spec.task_id))
    touch(client, spec.task_id, "go")
    task = await client.ended(spec.task_id)
    assert task.state is TaskState.SUCCEEDED
    assert (task.number, task.last_line) == (spec.number, 2)


@pytest.mark.usefixtures("runner")
async def test_a_deleted_task_does_not_come_back(client: Client) -> None:
    """A live task that is deleted ends, leaves no file and is unknown from then on."""
    spec = await client.submit("echo one; sleep 1000")
    await wait_until(partial(client.has_line, spec.task_id, 1), "it prints")
    run = client.spool.find(spec.task_id)
    assert run is not None
    run.write_once(FORGET, b"")
    await client.kill(spec.task_id, 0)
    await client.tasks.bury(spec.task_id, now_ms(), forget=True)
    await wait_until(lambda: client.spool.find(spec.task_id) is None, "its files are gone")
    with pytest.raises(GatewayError) as caught:
        await client.tasks.read(ById(spec.task_id))
    assert caught.value.kind is Kind.NOT_FOUND


@pytest.mark.usefixtures("runner")
async def test_a_directory_that_is_taken_away_is_a_lost_run(client: Client, tmp_path: Path) -> None:
    """Nobody knows how it ended, and nothing hangs."""
    goes_on = tmp_path / "goes-on"
    spec = await client.submit(f"echo one; until [ -e {goes_on} ]; do sleep 0.02; done")
    await wait_until(partial(client.has_line, spec.task_id, 1), "it prints")
    run = client.spool.find(spec.task_id)
    assert run is not None
    path = Path(run.path)

    def is_gone() -> bool:
        shutil.rmtree(path, ignore_errors=True)  # something may just be written there
        return not path.exists()

    await wait_until(is_gone, "the directory to be away")
    goes_on.touch()
    assert (await client.ended(spec.task_id)).state is TaskState.LOST


async def test_a_lost_notification_costs_a_moment_only(
    client: Client, paths: DataPaths, redis_server: EmbeddedRedis
) -> None:
    """With a socket that nobody can notify everything still happens."""
    async with running(paths, redis_server.url) as deaf:
        await client.submit("true")
        paths.runner_socket.unlink()
        spec = await client.submit("echo one; sleep 0.3; echo two; sleep 1000")
        await wait_until(lambda: client.has_line(spec.task_id, 2), "both lines")
        await client.kill(spec.task_id, 0, notify=False)
        assert (await client.ended(spec.task_id)).state is TaskState.KILLED
        assert deaf.end() == 0


async def test_a_second_runner_is_refused(
    client: Client, paths: DataPaths, runner: Runner, redis_server: EmbeddedRedis
) -> None:
    """One spool has one runner; another one says so and ends."""
    await client.submit("true")
    other = Runner(paths, redis_server.url, {})
    other.start()
    assert other.process is not None
    assert await asyncio.to_thread(other.process.wait, 20) == 1
    assert runner.process is not None
    assert runner.process.poll() is None


async def test_redis_may_die_and_come_back_empty(redis_folder: Path, paths: DataPaths) -> None:
    """A run goes on without Redis; afterwards the index and the logs are what the disk says."""
    server = EmbeddedRedis(redis_folder / "one", redis_folder / "r.sock")
    await server.start()
    link = RedisClient(server.url)
    client = Client(link, paths)
    try:
        async with running(paths, server.url):
            done = await client.submit("echo done; exit 4")
            await client.ended(done.task_id)
            live = await client.submit(
                "echo begun; while [ ! -e go ]; do sleep 0.02; done; seq 1000"
            )
            doomed = await client.submit("echo $$; sleep 1000")
            for spec in (live, doomed):
                await wait_until(partial(client.has_line, spec.task_id, 1), "it prints")
            (line,) = await client.hot_lines(doomed.task_id)
            os.kill(server.pid, signal.SIGKILL)
            await server.wait()
            touch(client, live.task_id, "go")
            await client.spool.request_kill(doomed.task_id, 0)
            client.notify(b"k" + doomed.task_id.encode())
            await wait_until(lambda: not exists(int(line.data)), "killed")
            shutil.rmtree(redis_folder / "one")
            await server.start()
            begun = time.monotonic()
            assert (await client.ended(live.task_id)).state is TaskState.SUCCEEDED
            assert (await client.ended(doomed.task_id)).state is TaskState.KILLED
            again = await client.ended(done.task_id)
            assert time.monotonic() - begun < 10
            assert again.state is TaskState.FAILED
            assert again.outcome is not None
            assert again.outcome.exit_code == 4
            assert (again.number, again.last_line, again.log_complete) == (done.number, 1, True)
            texts = [line.data for line in await client.lines(live.task_id)]
            assert texts == [b"begun"] + [b"%d" % number for number in range(1, 1001)]
            fresh = await client.submit("true")
            assert fresh.number > doomed.number
            assert (await client.ended(fresh.task_id)).state is TaskState.SUCCEEDED
    finally:
        await link.close()
        await server.stop()


def touch(client: Client, task_id: TaskId, name: str) -> None:
    """Makes a file in a run's working directory."""
    run = client.spool.find(task_id)
    assert run is not None
    Path(run.file("work"), name).touch()
