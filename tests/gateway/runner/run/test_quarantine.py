"""Runs whose specification cannot be read, and requests that come too late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engines.rundir.directory import KILL, SPEC, RunDir
from engines.rundir.facts import Exit, ExitKind, RunState
from gateway.clock import now_ms
from gateway.data_paths import DataPaths
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.redis_client import RedisClient
from protocol.tasks import Reason, TaskState
from tests.gateway.runner.rig import Client, running, spec_of
from tests.support.waiting import wait_until


@pytest.fixture
async def client(
    link: RedisClient, paths: DataPaths, redis_server: EmbeddedRedis
) -> AsyncIterator[Client]:
    """Speaks to a runner with one slot."""
    one = {"NARTHEX_RUNNER_RUNNING_TOTAL": "1", "NARTHEX_RUNNER_RUNNING_PER_USER": "1"}
    async with running(paths, redis_server.url, **one):
        yield Client(link, paths)


def spoil(run: RunDir | None) -> None:
    """Makes a run's specification something else."""
    assert run is not None
    Path(run.file(SPEC)).write_bytes(b"\xc1 no specification")


async def test_an_unreadable_specification_loses_the_run_and_frees_its_slot(
    client: Client,
) -> None:
    """A waiting task whose directory is damaged ends as lost with the reason; the next one runs."""
    blocker = await client.submit("sleep 60")
    await wait_until(lambda: client.is_running(blocker.task_id), "the blocker runs")
    waiting = await client.submit("echo never")
    following = await client.submit("echo follows")
    spoil(client.spool.find(waiting.task_id))
    await client.kill(blocker.task_id)
    lost = await client.ended(waiting.task_id)
    assert lost.state is TaskState.LOST
    assert lost.outcome is not None
    assert lost.outcome.reason is Reason.ENGINE_ERROR
    assert (await client.ended(following.task_id)).state is TaskState.SUCCEEDED
    await wait_until(client.nothing_live, "every directory is put away")


async def test_an_unreadable_directory_that_nobody_knows_is_put_away(client: Client) -> None:
    """A damaged directory that the index does not know does not stay among the live ones."""
    first = await client.submit("true")
    await client.ended(first.task_id)
    spec = spec_of(99, created_ms=now_ms() - 60_000)
    await client.spool.accept(spec)
    spoil(client.spool.find(spec.task_id))
    await wait_until(client.nothing_live, "the directory is put away", 20)
    run = client.spool.find(spec.task_id)
    assert run is not None
    end = run.exit()
    assert end is not None
    assert (end.kind, end.reason) == (ExitKind.LOST, "engine_error")


async def test_a_request_that_comes_too_late_is_no_fact(client: Client) -> None:
    """A request in the directory of a run that had ended as something else is taken back."""
    spec = await client.submit("true")
    await client.ended(spec.task_id)
    await wait_until(client.nothing_live, "the run is put away")
    run = client.spool.find(spec.task_id)
    assert run is not None
    assert run.state() is RunState.ENDED
    run.request_kill(0)
    await client.spool.finish(spec.task_id, cancel_kill=True)
    assert not Path(run.file(KILL)).exists()
    assert isinstance(run.exit(), Exit)
