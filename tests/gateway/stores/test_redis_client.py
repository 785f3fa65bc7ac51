"""Redis in trouble: every fault comes out the same way, and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import hiredis
import pytest
import pytest_asyncio

from gateway.stores.bulk_restore import BulkRestore
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.index_lease import IndexLeaseStore
from gateway.stores.logs import LogStore
from gateway.stores.redis_client import RedisClient, unavailable
from gateway.stores.tasks import QueueLimits, TaskStore
from protocol.errors import GatewayError, Kind
from protocol.logs import Block, Mark, Stream
from protocol.tasks import ById, TaskState
from tests.gateway.stores.conftest import EPOCH
from tests.support.specs import NOW_MS, make_spec
from tests.support.waiting import wait_until


@pytest_asyncio.fixture
async def server(redis_folder: Path) -> AsyncIterator[EmbeddedRedis]:
    """A server that the test may hurt."""
    server = EmbeddedRedis(redis_folder / "data", redis_folder / "s", max_bytes=32 << 20)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def fragile(server: EmbeddedRedis) -> AsyncIterator[RedisClient]:
    """A way to that server with short deadlines."""
    link = RedisClient(server.url, timeout=0.3)
    yield link
    await link.close()


@asynccontextmanager
async def _operator(server: EmbeddedRedis) -> AsyncIterator[RedisClient]:
    """A way to that server for who may do everything with it."""
    link = RedisClient(server.operator_url)
    try:
        yield link
    finally:
        await link.close()


@pytest.mark.parametrize(
    "fault",
    [
        hiredis.ReplyError("BUSYLOADING secret"),
        hiredis.ReplyError("LOADING secret"),
        hiredis.ReplyError("READONLY secret"),
        hiredis.ReplyError("MISCONF secret"),
        hiredis.ReplyError("BUSY secret"),
        hiredis.ReplyError("CLUSTERDOWN secret"),
        hiredis.ReplyError("NOAUTH secret"),
        hiredis.ReplyError("OOM secret"),
        hiredis.ProtocolError("secret"),
        ConnectionResetError("secret"),
        TimeoutError("secret"),
        None,
    ],
)
def test_every_trouble_is_unavailable_with_a_hint(fault: BaseException | None) -> None:
    """Whatever Redis says, the client is told to come again and nothing of Redis."""
    error = unavailable(fault)
    assert error.kind is Kind.UNAVAILABLE
    assert error.retry_after > 0
    assert "secret" not in error.message


def test_a_fault_of_our_own_is_not_blamed_on_the_weather() -> None:
    """A script that fails is an internal error, without the words of Redis."""
    error = unavailable(hiredis.ReplyError("ERR user_script:1: secret"))
    assert (error.kind, error.retry_after) == (Kind.INTERNAL, 0)
    assert "secret" not in error.message


async def _expect_unavailable(work: object) -> None:
    with pytest.raises(GatewayError) as caught:
        await work  # type: ignore[misc]
    assert caught.value.kind is Kind.UNAVAILABLE


async def test_no_server_is_unavailable(redis_folder: Path) -> None:
    """A server that is not there is refused at once."""
    link = RedisClient(f"unix://{redis_folder}/nothing")
    await _expect_unavailable(link.call("GET", "x"))
    await _expect_unavailable(link.check("test"))
    await link.close()


async def test_a_flushed_script_cache_is_not_noticed(tasks: TaskStore, link: RedisClient) -> None:
    """Scripts are sent again when the server forgot them."""
    await tasks.reserve("ann", QueueLimits())
    await link.call("SCRIPT", "FLUSH")
    assert await tasks.reserve("ann", QueueLimits()) == 2


async def test_a_killed_server_loses_nothing_that_was_answered(
    server: EmbeddedRedis, fragile: RedisClient
) -> None:
    """After SIGKILL and a new start every answered write is there, on the same connections."""
    tasks, logs, lease = TaskStore(fragile), LogStore(fragile), IndexLeaseStore(fragile)
    await lease.ready(EPOCH)
    spec = make_spec()
    await tasks.index(spec)
    answered = 0
    for number in range(1, 200):
        block = Block(number, number, b"line", (Mark(1, Stream.OUT, 1),))
        answered = await logs.append(spec.task_id, EPOCH, [block])
    os.kill(server.pid, signal.SIGKILL)
    await server.wait()
    await _expect_unavailable(tasks.read(ById(spec.task_id)))
    await server.start()
    assert (await logs.last(spec.task_id)).line == answered + 1
    assert (await tasks.read(ById(spec.task_id))).number == spec.number
    # Nobody holds the lease of what an earlier life left before the runner has looked at it.
    await _expect_unavailable(tasks.reserve("ann", QueueLimits()))
    assert not await lease.beat(EPOCH)


async def test_a_frozen_server_costs_a_deadline_and_soon_not_even_that(
    server: EmbeddedRedis, fragile: RedisClient
) -> None:
    """Calls end at their deadline, later ones at once, and all work again after the thaw."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        await asyncio.gather(*(_expect_unavailable(fragile.call("GET", "x")) for _ in range(50)))
        assert time.monotonic() - started < 1.0
        started = time.monotonic()
        await asyncio.gather(*(_expect_unavailable(fragile.call("GET", "x")) for _ in range(50)))
        assert time.monotonic() - started < 0.6
    finally:
        os.kill(server.pid, signal.SIGCONT)

    async def answers() -> bool:
        try:
            await fragile.call("GET", "x")
        except GatewayError:
            return False
        return True

    await wait_until(answers, "the thawed server answers")
    for _ in range(40):
        await fragile.call("GET", "x")


async def test_a_full_server_still_learns_of_endings(
    fragile: RedisClient, server: EmbeddedRedis
) -> None:
    """When memory is out nothing is accepted, but states, logs and reading go on."""
    tasks, lease = TaskStore(fragile), IndexLeaseStore(fragile)
    await lease.ready(EPOCH)
    spec = make_spec()
    await tasks.index(spec)
    async with _operator(server) as operator:
        await operator.call("CONFIG", "SET", "maxmemory", "1")
    await _expect_unavailable(tasks.reserve("ann", QueueLimits()))
    await _expect_unavailable(tasks.index(make_spec()))
    await _expect_unavailable(fragile.check("test"))
    task = await tasks.advance(spec.task_id, EPOCH, TaskState.LOST, NOW_MS)
    assert task.state is TaskState.LOST
    assert await tasks.read(ById(spec.task_id)) == task
    assert await tasks.list() == [task]
    assert await lease.beat(EPOCH)


async def test_a_read_only_server_is_unavailable(
    fragile: RedisClient, server: EmbeddedRedis
) -> None:
    """A server that became a replica refuses writes; reading goes on."""
    tasks, lease = TaskStore(fragile), IndexLeaseStore(fragile)
    await lease.ready(EPOCH)
    spec = make_spec()
    await tasks.index(spec)
    async with _operator(server) as operator:
        await operator.call("REPLICAOF", "127.0.0.1", "1")
        await operator.call("CONFIG", "SET", "replica-serve-stale-data", "yes")
    await _expect_unavailable(tasks.advance(spec.task_id, EPOCH, TaskState.LOST, NOW_MS))
    assert (await tasks.read(ById(spec.task_id))).state is TaskState.QUEUED


async def test_cancelled_calls_leave_the_connections_sound(tasks: TaskStore) -> None:
    """After many cancelled calls every answer still belongs to its question."""
    specs = [make_spec() for _ in range(20)]
    for spec in specs:
        await tasks.index(spec)
    for turn in range(200):
        with suppress(TimeoutError):
            async with asyncio.timeout(turn % 10 / 20_000):
                await tasks.read(ById(specs[turn % 20].task_id))
    found = await asyncio.gather(*(tasks.read(ById(spec.task_id)) for spec in specs))
    assert [task.id for task in found] == [spec.task_id for spec in specs]


async def test_more_calls_than_connections_wait_their_turn(link: RedisClient) -> None:
    """The pool is a bound and not a refusal."""
    restore = BulkRestore(link)
    found = await asyncio.gather(*(restore.raise_number(0) for _ in range(500)))
    assert set(found) == {0}
