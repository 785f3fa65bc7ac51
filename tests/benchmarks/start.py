"""From ``execute`` to the first line at the websocket client, beside a bare child process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
import time

from websockets.asyncio.client import ClientConnection

from tests.benchmarks.figures import Figure, less, median, percentile
from tests.journeys.entrance import frame, opened, shell
from tests.support.served import Served

ROUNDS = 100
_WARM = 5


def bare() -> float:
    """Milliseconds from starting ``echo hi`` as a child to its first line."""
    start = time.perf_counter()
    with subprocess.Popen(["/bin/sh", "-c", "echo hi"], stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        return (time.perf_counter() - start) * 1000


def durable(folder: str) -> float:
    """Milliseconds for one small file that survives the loss of power: a start needs three."""
    start = time.perf_counter()
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(b"spec")
        file.flush()
        os.fsync(file.fileno())
    return (time.perf_counter() - start) * 1000


async def ours(socket: ClientConnection) -> float:
    """Milliseconds from asking to the pushed line that holds the output."""
    start = time.perf_counter()
    await socket.send(frame("execute", shell("echo hi")))
    taken = 0.0
    while True:
        message = json.loads(await socket.recv())
        data = message["data"]
        if not taken and message["method"].endswith("/log") and "hi" in data["log"][3]:
            taken = (time.perf_counter() - start) * 1000
        if data.get("status") == "Succeed":
            return taken


async def rounds(gateway: Served, count: int) -> tuple[list[float], list[float], list[float]]:
    """Ours, the bare child and a durable write, in turns."""
    found: tuple[list[float], list[float], list[float]] = ([], [], [])
    async with asyncio.timeout(300), opened(gateway) as socket:
        for _ in range(_WARM):
            await ours(socket)
        for _ in range(count):
            found[0].append(await ours(socket))
            found[1].append(await asyncio.to_thread(bare))
            found[2].append(await asyncio.to_thread(durable, str(gateway.data)))
    return found


def measure(gateway: Served, share: float) -> list[Figure]:
    """The median and the tail, and what the disk of this moment takes for its part."""
    mine, child, disk = asyncio.run(rounds(gateway, max(10, int(ROUNDS * share))))
    middle = median(mine)
    bare_ones = ("Popen and read, p50", median(child))
    return [
        less("start: execute to first line, p50", middle, "ms", bare_ones, 8),
        less("start: the same, p99", percentile(mine, 0.99), "ms", ("our own p50", middle), 4),
        less("start: the same, p50", middle, "ms", ("three durable writes", 3 * median(disk))),
    ]
