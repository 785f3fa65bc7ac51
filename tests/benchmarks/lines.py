"""A long log by each of the three ways to read it, beside reading the same from a pipe."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time

from tests.benchmarks.figures import Figure, median
from tests.journeys.entrance import Caller, executing, frame, opened
from tests.support.served import NARTHEX, Served

COUNT = 100_000
LINE = 100
PROGRAM = f"yes {'x' * (LINE - 1)} | head -n {COUNT}"


def bare() -> float:
    """Lines a second from a child's pipe."""
    start = time.perf_counter()
    with subprocess.Popen(["/bin/sh", "-c", PROGRAM], stdout=subprocess.PIPE) as child:
        assert child.stdout
        count = sum(1 for _ in child.stdout)
    assert count == COUNT
    return COUNT / (time.perf_counter() - start)


async def subscribed(gateway: Served) -> float:
    """Lines a second from execute to the end of a subscription to the live run."""
    async with asyncio.timeout(120), opened(gateway) as socket, opened(gateway) as reader:
        start = time.perf_counter()
        exec_id = await executing(socket, PROGRAM)
        await reader.send(frame(f"{exec_id}/subscribe", {"fromLine": 1, "format": "lines"}))
        count = 0
        while True:
            message = json.loads(await reader.recv())
            count += len(message["data"].get("lines", ()))
            if message["method"].endswith("/eof"):
                break
        assert count == COUNT
        return COUNT / (time.perf_counter() - start)


def paged(caller: Caller, exec_id: str) -> float:
    """Lines a second in pages of 5,000 of the finished run."""
    start = time.perf_counter()
    assert len(caller.lines(exec_id, 5000)) == COUNT
    return COUNT / (time.perf_counter() - start)


def printed(gateway: Served, exec_id: str) -> float:
    """Lines a second through ``narthex logs -f``, its start included."""
    words = ["logs", "-f", exec_id, "--server", gateway.url, "--token", gateway.token]
    start = time.perf_counter()
    done = subprocess.run([*NARTHEX, *words], capture_output=True, timeout=120, check=True)
    assert done.stdout.count(b"\n") == COUNT
    return COUNT / (time.perf_counter() - start)


def measure(gateway: Served) -> list[Figure]:
    """Medians of three."""
    pipe = median([bare() for _ in range(3)])
    with Caller(gateway) as caller:
        exec_id = caller.execute(PROGRAM)
        caller.finished(exec_id, seconds=60)
        found = {
            "subscribe, live": median([asyncio.run(subscribed(gateway)) for _ in range(3)]),
            "log pages of 5,000": median([paged(caller, exec_id) for _ in range(3)]),
            "narthex logs -f": median([printed(gateway, exec_id) for _ in range(3)]),
        }
    return [
        Figure("lines", what, value, "lines/s", "a child's pipe", pipe, more_is_better=True)
        for what, value in found.items()
    ]
