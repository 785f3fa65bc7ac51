"""What websocketd takes for the same: a process for each connection, and a frame for each line."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import AsyncIterator

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.benchmarks.figures import median
from tests.support.ports import free_port

__all__ = ["figures", "program", "serving_script"]

_FLIGHT = 32
_MOST_SECONDS = 300
_READY_SECONDS = 10


def program() -> str:
    """Where it is (Debian has a package of that name), empty if it is not installed."""
    return shutil.which("websocketd") or ""


@contextlib.asynccontextmanager
async def serving_script(code: str) -> AsyncIterator[str]:
    """The address at which each connection starts a script."""
    port = free_port()
    words = [program(), f"--port={port}", "--address=127.0.0.1", "--loglevel=fatal"]
    process = subprocess.Popen([*words, "/bin/sh", "-c", code])  # noqa: ASYNC220 - once
    try:
        async with asyncio.timeout(_READY_SECONDS):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield f"ws://127.0.0.1:{port}/"
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


async def first_line(url: str) -> float:
    """Milliseconds from connecting to the first line."""
    start = time.perf_counter()
    async with connect(url, compression=None) as socket_:
        await socket_.recv()
        return (time.perf_counter() - start) * 1000


async def ended(url: str) -> int:
    """How many lines a script printed until it ended."""
    seen = 0
    async with connect(url, compression=None, max_size=None) as socket_:
        with contextlib.suppress(ConnectionClosed):  # it says no good-bye
            while True:
                await socket_.recv()
                seen += 1
    return seen


async def rate(url: str, count: int) -> float:
    """Scripts a second, many at a time, each until its end."""
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            await ended(url)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(_FLIGHT):
            group.create_task(work())
    return count / (time.perf_counter() - start)


async def figures(rounds: int, count: int, lines: int) -> dict[str, float]:
    """``start`` in milliseconds (p50), ``rate`` and ``lines`` a second."""
    async with asyncio.timeout(_MOST_SECONDS):
        async with serving_script("echo hi") as url:
            start = median([await first_line(url) for _ in range(rounds + 3)][3:])
        async with serving_script("true") as url:
            each = await rate(url, count)
        async with serving_script(f"yes {'x' * 99} | head -n {lines}") as url:
            begun = time.perf_counter()
            seen = await ended(url)  # it may lose the last ones by closing too soon
            speed = seen / (time.perf_counter() - begun)
    return {"start": start, "rate": each, "lines": speed}
