"""Idle websockets that are logged in: the memory they take and how soon they are open."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from websockets.asyncio.client import connect

from tests.benchmarks.figures import Figure, less
from tests.benchmarks.peers.bare import bare
from tests.support.served import Served

SOCKETS = 5000
_AT_ONCE = 50


def memory(pid: int) -> float:
    """The resident MiB of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / (1 << 20)


async def held(url: str, headers: Mapping[str, str], pid: int, count: int) -> tuple[float, float]:
    """Seconds until all are open, and KiB that each of them takes in the server."""
    before, turns = memory(pid), asyncio.Semaphore(_AT_ONCE)
    async with AsyncExitStack() as stack:

        async def one() -> None:
            async with turns:
                way = connect(url, additional_headers=headers, ping_interval=None, open_timeout=60)
                stack.push_async_exit(await way.__aenter__())

        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(one())
        seconds = time.perf_counter() - start
        return seconds, (memory(pid) - before) * 1024 / count


async def compare(gateway: Served, count: int) -> list[Figure]:
    """Ours, then the bare one's."""
    (pid,) = gateway.parts("gateway.app")
    seconds, size = await held(gateway.socket_url, gateway.headers, pid, count)
    async with bare() as peer:
        other_seconds, other_size = await held(f"{peer.socket_url}/idle", {}, peer.pid, count)
    return [
        less(f"sockets: {count} idle, each", size, "KiB", ("bare Sanic", other_size), 1.5),
        less(f"sockets: {count} opened in", seconds, "s", ("bare Sanic", other_seconds), 2),
    ]


def measure(gateway: Served, share: float) -> list[Figure]:
    """As many as there may be descriptors for both ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return asyncio.run(compare(gateway, min(int(SOCKETS * share), hard - 500)))


ENVIRONMENT = {
    "NARTHEX_LIMITS_SOCKETS": "6000",
    "NARTHEX_LIMITS_SOCKETS_PER_USER": "6000",
}
"""What the gateway must be told to let so many in."""
