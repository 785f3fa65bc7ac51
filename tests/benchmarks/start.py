"""From ``execute`` to the first line at the websocket client, beside a bare child process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time

from tests.benchmarks.figures import Figure, median, percentile
from tests.journeys.entrance import frame, opened, shell
from tests.support.served import Served

ROUNDS = 100


def bare() -> float:
    """Milliseconds from starting ``echo hi`` as a child to its first line."""
    start = time.perf_counter()
    with subprocess.Popen(["/bin/sh", "-c", "echo hi"], stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        return (time.perf_counter() - start) * 1000


async def rounds(gateway: Served) -> list[float]:
    """Milliseconds from asking to the pushed line that holds the output, one task at a time."""
    found = []
    async with asyncio.timeout(120), opened(gateway) as socket:
        for number in range(ROUNDS + 5):
            start = time.perf_counter()
            await socket.send(frame("execute", shell("echo hi")))
            taken = 0.0
            while True:
                message = json.loads(await socket.recv())
                data = message["data"]
                if not taken and message["method"].endswith("/log") and "hi" in data["log"][3]:
                    taken = (time.perf_counter() - start) * 1000
                if data.get("status") == "Succeed":
                    break
            if number >= 5:
                found.append(taken)
    return found


def measure(gateway: Served) -> list[Figure]:
    """The median and the tail of both."""
    ours = asyncio.run(rounds(gateway))
    theirs = [bare() for _ in range(ROUNDS)]
    return [
        Figure(
            "start",
            "execute to first line, p50",
            median(ours),
            "ms",
            "Popen and read, p50",
            median(theirs),
            more_is_better=False,
        ),
        Figure(
            "start",
            "execute to first line, p99",
            percentile(ours, 0.99),
            "ms",
            "our own p50",
            median(ours),
            more_is_better=False,
        ),
    ]
