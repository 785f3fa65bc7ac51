"""Submitting while very many tasks of many users wait, beside submitting into an empty queue."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.index_lease import IndexLeaseStore
from gateway.stores.queue import TaskQueue
from gateway.stores.redis_client import RedisClient
from gateway.stores.spool import Spool
from gateway.stores.tasks import QueueLimits, TaskStore
from tests.benchmarks.figures import Figure, less, median, more
from tests.support.served import Served
from tests.support.specs import make_spec, task_id_at

WAITING = 100_000
USERS = 1_000
SUBMITS = 300
_EPOCH = 1
_FLIGHT = 32


async def fill(tasks: TaskStore, lease: IndexLeaseStore, count: int) -> None:
    """Queues tasks without a place on disk, which their waiting does not need."""
    left = iter(range(count))

    async def work() -> None:
        for number in left:
            owner = f"user{number % USERS}"
            given = await tasks.reserve(owner, QueueLimits())
            await tasks.index(make_spec(owner, given))
            if number % 1000 == 0:
                await lease.ready(_EPOCH, 3600)

    async with asyncio.TaskGroup() as group:
        for _ in range(_FLIGHT):
            group.create_task(work())


async def submits(tasks: TaskStore, spool: Spool) -> float:
    """Tasks a second the whole way that a submit goes: number, disk, queue."""
    start = time.perf_counter()
    for number in range(SUBMITS):
        owner = f"user{number % USERS}"
        spec = replace(make_spec(owner), task_id=task_id_at(time.time_ns() // 1_000_000))
        spec = replace(spec, number=await tasks.reserve(owner, QueueLimits()))
        await spool.accept(spec)
        await tasks.index(spec)
    return SUBMITS / (time.perf_counter() - start)


async def looks(queue: TaskQueue) -> float:
    """Milliseconds of one look at the heads, as the runner does it for each start."""
    found = []
    for _ in itertools.repeat(None, 100):
        start = time.perf_counter()
        await queue.heads(20, 8)
        found.append((time.perf_counter() - start) * 1000)
    return median(found)


async def stand(folder: Path, count: int) -> tuple[float, float]:
    """The rate of submitting and the look at a queue of so many."""
    server = EmbeddedRedis(folder / "data", folder / "s", max_bytes=2 << 30)
    await server.start()
    link, spool = RedisClient(server.url, timeout=30), Spool(folder / "spool")
    try:
        spool.prepare()
        tasks, lease = TaskStore(link), IndexLeaseStore(link)
        await lease.ready(_EPOCH, 3600)
        await fill(tasks, lease, count)
        return await submits(tasks, spool), await looks(TaskQueue(link))
    finally:
        spool.close()
        await link.close()
        await server.stop()


def measure(gateway: Served, share: float) -> list[Figure]:
    """On stores of its own, so that no runner empties the queue meanwhile."""
    assert gateway.url
    count = int(WAITING * share)
    with tempfile.TemporaryDirectory(prefix="nx") as empty:
        rate, look = asyncio.run(stand(Path(empty), 0))
    with tempfile.TemporaryDirectory(prefix="nx") as full:
        full_rate, full_look = asyncio.run(stand(Path(full), count))
    return [
        more(f"queue: submits, {count} waiting", full_rate, "/s", ("none waiting", rate), 0.67),
        less(f"queue: look, {count} waiting", full_look, "ms", ("none waiting", look), 1.5),
    ]
