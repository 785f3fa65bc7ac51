"""How long a line takes from being printed to being received, alone and among many readers."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from websockets.asyncio.client import connect

from tests.benchmarks.figures import Figure, less, median, percentile
from tests.benchmarks.peers.bare import Bare, bare
from tests.benchmarks.throughput import unpushed
from tests.journeys.entrance import frame, opened
from tests.support.served import Served

LINES = 1000
GAP = 0.01
READERS = (1, 10, 100)
_TICK = os.sysconf("SC_CLK_TCK")


def script(count: int) -> str:
    """Prints the time of the clock that all processes share, every 10 ms."""
    code = (
        f"import time,sys\nfor _ in range({count}):\n time.sleep({GAP})\n"
        " print(time.perf_counter_ns(),flush=True)"
    )
    return f"exec {sys.executable} -S -c '{code}'"


def cpu(pid: int) -> float:
    """Seconds that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def ages(texts: list[str]) -> list[float]:
    """Milliseconds since each text was printed."""
    now = time.perf_counter_ns()
    return [(now - int(text)) / 1e6 for text in texts if text]


async def read(gateway: Served, exec_id: str) -> list[float]:
    """One reader to the end."""
    found: list[float] = []
    async with opened(gateway) as socket:
        await socket.send(frame(f"{exec_id}/subscribe", {"fromLine": 1}))
        while True:
            data = json.loads(await socket.recv())["data"]
            found += ages([row["text"] for row in data.get("lines", ())])
            if "exitCode" in data:
                return found


async def ours(gateway: Served, count: int, readers: int) -> tuple[list[float], float]:
    """The ages of all lines at all readers, and the gateway's CPU time for each, in ms."""
    (pid,) = gateway.parts("gateway.app")
    async with asyncio.timeout(120):
        async with opened(gateway) as socket:
            exec_id = await unpushed(socket, script(count))
        before = cpu(pid)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read(gateway, exec_id)) for _ in range(readers)]
        spent = cpu(pid) - before
    found = [age for task in tasks for age in task.result()]
    assert len(found) == count * readers
    # The first lines were printed before anybody could have subscribed.
    return [age for task in tasks for age in task.result()[50:]], spent * 1000 / len(found)


async def theirs(peer: Bare, count: int) -> list[float]:
    """The ages of the lines at the bare one's client."""
    found: list[float] = []
    async with asyncio.timeout(120), connect(f"{peer.socket_url}/run") as socket:
        await socket.send(json.dumps({"script": script(count)}))
        async for message in socket:
            assert isinstance(message, bytes)
            found += ages(message.decode().split("\n"))
    return found[50:]


async def compare(gateway: Served, count: int) -> list[Figure]:
    """Ours and theirs one after the other, then ours among more readers."""
    async with bare() as peer:
        mine, alone = await ours(gateway, count, 1)
        bare_ones = await theirs(peer, count)
    figures = [
        less(
            "latency: printed to received, p50",
            median(mine),
            "ms",
            ("bare Sanic, p50", median(bare_ones)),
            3,
        ),
        less(
            "latency: the same, p99",
            percentile(mine, 0.99),
            "ms",
            ("bare Sanic, p99", percentile(bare_ones, 0.99)),
            4,
        ),
    ]
    first = percentile(mine, 0.99)
    for readers in READERS[1:]:
        many, spent = await ours(gateway, count, readers)
        goal = 5 if readers == READERS[-1] else 0
        figures += [
            less(
                f"fan-out: {readers} readers, p99",
                percentile(many, 0.99),
                "ms",
                ("one reader, p99", first),
                goal,
            ),
            less(f"fan-out: {readers} readers, CPU a line", spent, "ms", ("one reader", alone), 1),
        ]
    return figures


def measure(gateway: Served, share: float) -> list[Figure]:
    """A line every 10 ms for 10 seconds."""
    return asyncio.run(compare(gateway, max(200, int(LINES * share))))
