"""The status of a finished run, asked over 64 connections, beside one value of Redis over HTTP."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

from tests.benchmarks.figures import Figure, median, more
from tests.benchmarks.peers.bare import bare
from tests.journeys.entrance import Caller
from tests.support.served import Served

REQUESTS = 20_000
CONNECTIONS = 64


async def rate(url: str, token: str, count: int) -> float:
    """Requests a second; the client does as little as goes, for it shares the processors."""
    parts = urlsplit(url)
    head = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
    ask = f"{head}Authorization: Bearer {token}\r\n\r\n".encode()
    left = iter(range(count))

    async def work() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for _ in left:
            writer.write(ask)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200")
            size = head.partition(b"content-length: ")[2].partition(b"\r")[0]
            await reader.readexactly(int(size))
        writer.close()

    start = time.perf_counter()
    async with asyncio.timeout(300), asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(work())
    return count / (time.perf_counter() - start)


async def compare(gateway: Served, exec_id: str, count: int) -> tuple[float, float]:
    """Both in turns, three times."""
    mine, theirs = [], []
    async with bare() as peer:
        for _ in range(3):
            mine.append(await rate(f"{gateway.api}/{exec_id}/status", gateway.token, count))
            theirs.append(await rate(f"{peer.url}/get", "", count))
    return median(mine), median(theirs)


def measure(gateway: Served, share: float) -> list[Figure]:
    """Medians of three."""
    with Caller(gateway) as caller:
        exec_id = caller.execute("true")
        caller.finished(exec_id)
    mine, theirs = asyncio.run(compare(gateway, exec_id, int(REQUESTS * share)))
    return [
        more("polling: status, 64 connections", mine, "/s", ("bare Sanic, one GET", theirs), 0.5)
    ]
