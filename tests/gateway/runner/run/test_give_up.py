"""Runs that cannot be recorded end with that as the reason, and nobody waits for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engines.rundir.archive import ARCHIVE
from engines.rundir.directory import SPEC
from gateway.data_paths import DataPaths
from gateway.runner.run.classify_exit import GIVEN_UP
from gateway.stores.embedded import EmbeddedRedis
from protocol.tasks import Reason, TaskState
from tests.gateway.runner.rig import Client, Runner, running
from tests.support.waiting import wait_until


@pytest.fixture
async def runner(paths: DataPaths, redis_server: EmbeddedRedis) -> AsyncIterator[Runner]:
    """A runner with one slot."""
    one = {"NARTHEX_RUNNER_RUNNING_TOTAL": "1", "NARTHEX_RUNNER_RUNNING_PER_USER": "1"}
    async with running(paths, redis_server.url, **one) as found:
        yield found


async def test_a_run_that_cannot_be_recorded_is_given_up(client: Client, runner: Runner) -> None:
    """Row A2: a log that cannot be read back ends its run as an internal error, and no other."""
    bad = await client.submit(f"echo seen; printf nonsense > ../{ARCHIVE}; sleep 0.5; echo more")
    after = await client.submit("echo follows")
    ended = await client.ended(bad.task_id, 40)
    assert ended.state is TaskState.FAILED
    assert ended.outcome is not None
    assert ended.outcome.reason is Reason.INTERNAL_ERROR
    assert ended.outcome.message.startswith("an internal error kept the gateway from recording")
    last = await client.ended(after.task_id)
    assert last.state is TaskState.SUCCEEDED, last.outcome
    await wait_until(client.nothing_live, "every directory is put away")
    run = client.spool.find(bad.task_id)
    assert run is not None
    assert Path(run.file(GIVEN_UP)).exists()
    # Another runner says the same, and the index can be built anew over it.
    runner.kill()
    runner.start()
    third = await client.submit("echo third")
    assert (await client.ended(third.task_id, 30)).state is TaskState.SUCCEEDED


async def test_a_run_without_its_specification_is_lost(client: Client, runner: Runner) -> None:
    """Row A13: a run that removes what it was to be is ended by the next runner, and no other."""
    bad = await client.submit(f"rm ../{SPEC}; touch ../work/done; sleep 60")
    run = client.spool.find(bad.task_id)
    assert run is not None
    await wait_until(lambda: Path(run.file("work/done")).exists(), "the run to be at it", 20)
    runner.kill()
    runner.start()
    ended = await client.ended(bad.task_id, 40)
    assert ended.state in {TaskState.LOST, TaskState.KILLED}
    after = await client.submit("echo follows")
    last = await client.ended(after.task_id)
    assert last.state is TaskState.SUCCEEDED, last.outcome
