"""A reader whose connection is cut again and again during a long run."""

from __future__ import annotations

import asyncio
import contextlib
import time

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.benchmarks.figures import Figure, less, median
from tests.benchmarks.throughput import script, unpushed
from tests.journeys.entrance import frame, opened
from tests.support.cutting_proxy import CuttingProxy
from tests.support.served import Served

LINES = 200_000
CUTS = 50


async def read(socket: ClientConnection, exec_id: str, line: int, limit: int) -> tuple[int, float]:
    """The line after those read, when so many have come or at the end; ms until the first came.

    Raises if a line is missing or comes twice.
    """
    start, first = time.perf_counter(), 0.0
    await socket.send(frame(f"{exec_id}/subscribe", {"fromLine": line}))
    until = line + limit
    while line < until:
        data = orjson.loads(await socket.recv())["data"]
        for row in data.get("lines", ()):
            first = first or (time.perf_counter() - start) * 1000
            assert row["n"] == line
            line += 1
        if "exitCode" in data:
            break
    return line, first


async def journey(gateway: Served, count: int, cuts: int) -> list[float]:
    """Milliseconds from each return to the next line, over all the cuts."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    proxy = await asyncio.to_thread(CuttingProxy, host, int(port))
    found, line = [], 1
    try:
        async with opened(gateway) as owner:
            exec_id = await unpushed(owner, script(count))
        while line <= count:
            way = connect(
                f"ws://{proxy.address}/ws", additional_headers=gateway.headers, max_size=None
            )
            with contextlib.suppress(ConnectionClosed):
                async with way as socket:
                    line, first = await read(socket, exec_id, line, count // cuts)
                    found.append(first)
                    proxy.cut()
    finally:
        await asyncio.to_thread(proxy.close)
    assert line == count + 1
    return found


def measure(gateway: Served, share: float) -> list[Figure]:
    """The median wait; that nothing is lost or repeated is a condition of the measurement."""
    found = asyncio.run(journey(gateway, int(LINES * share), CUTS))
    what = f"reconnect: next line after each of {len(found)} cuts, p50"
    return [less(what, median(found), "ms", ("to reach", 20.0), 1)]
