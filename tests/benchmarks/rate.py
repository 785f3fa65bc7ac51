"""How many short scripts a minute: submit, run, and read the end of each, many in flight."""

from __future__ import annotations

import asyncio
import subprocess
import time

import httpx

from tests.benchmarks.figures import Figure, more
from tests.journeys.entrance import FINAL, shell
from tests.support.served import Served

COUNT = 1000
FLIGHT = 32


def bare(count: int) -> float:
    """Scripts a second as bare children, one by one."""
    start = time.perf_counter()
    for _ in range(count):
        subprocess.run(["/bin/sh", "-c", "true"], check=True)
    return count / (time.perf_counter() - start)


async def ours(gateway: Served, count: int) -> float:
    """Scripts a second over HTTP until each is final and its log is read."""
    left = iter(range(count))
    async with httpx.AsyncClient(headers=gateway.headers, timeout=60) as client:

        async def work() -> None:
            for _ in left:
                reply = await client.post(f"{gateway.api}/execute", json=shell("true"))
                name = reply.json()["data"]["execID"]
                query = {"format": "lines", "wait": "20"}
                page = await client.get(f"{gateway.api}/{name}/log", params=query)
                assert page.json()["data"]["eof"]
                assert page.json()["data"]["status"] in FINAL

        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(FLIGHT):
                group.create_task(work())
        return count / (time.perf_counter() - start)


def measure(gateway: Served, share: float) -> list[Figure]:
    """Both, after a few to warm up."""
    count = int(COUNT * share)
    asyncio.run(ours(gateway, FLIGHT))
    peer = ("Popen one by one", bare(min(count, 200)))
    return [more("rate: true, 32 in flight", asyncio.run(ours(gateway, count)), "/s", peer, 0.3)]
