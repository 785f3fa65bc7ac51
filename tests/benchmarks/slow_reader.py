"""A run at full speed with a reader that stops for a while, beside the same without one."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.benchmarks.figures import Figure, less, median
from tests.benchmarks.throughput import script, unpushed
from tests.journeys.entrance import Caller, frame, opened
from tests.support.served import Served

LINES = 1_000_000
STOPPED_SECONDS = 10.0
_ROUNDS = 3


def memory(gateway: Served) -> float:
    """The resident MiB of the gateway process."""
    (pid,) = gateway.parts("gateway.app")
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / (1 << 20)


async def run(gateway: Served, count: int, *, stopped: bool) -> tuple[float, float]:
    """Seconds between the first and the last line by the run's own record; MiB that it grew."""
    before = memory(gateway)
    async with opened(gateway) as owner, opened(gateway) as reader:
        exec_id = await unpushed(owner, script(count))
        await reader.send(frame(f"{exec_id}/subscribe", {"fromLine": 1}))
        if stopped:
            await asyncio.sleep(STOPPED_SECONDS)
        async for message in reader:
            if '/eof"' in str(message)[:200] or '"exitCode"' in str(message)[-200:]:
                break
    grown = memory(gateway) - before

    def recorded() -> float:
        with Caller(gateway) as caller:
            ends = [
                caller.call(
                    "GET",
                    f"{exec_id}/log",
                    params={"format": "lines", "size": 1, "fromLine": line},
                )["lines"][0]["t"]
                for line in (1, count)
            ]
        return float(ends[1] - ends[0]) / 1000

    return await asyncio.to_thread(recorded), grown


def measure(gateway: Served, share: float) -> list[Figure]:
    """Medians of three, in turns."""
    count = int(LINES * share)
    quick, slow, grown = [], [], [0.0]
    for _ in range(_ROUNDS):
        quick.append(asyncio.run(run(gateway, count, stopped=False))[0])
        seconds, size = asyncio.run(run(gateway, count, stopped=True))
        slow.append(seconds)
        grown.append(size)
    return [
        less("slow reader: the run", median(slow), "s", ("nobody stops", median(quick)), 1.05),
        less("slow reader: memory", max(grown), "MiB", ("allowed", 32.0), 1),
    ]
