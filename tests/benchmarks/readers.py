"""One run at full speed with a hundred readers, half of them slow, beside the same without any."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

from websockets.asyncio.client import ClientConnection

from tests.benchmarks.figures import Figure, median
from tests.faults.ledger import Ledger, Seen
from tests.faults.proxy import Rule, proxied
from tests.faults.visitor import BROKEN, Visitor, calling
from tests.journeys.entrance import frame, opened
from tests.support.served import Served

COUNT = 300_000
PAIRS = 5
QUICK, SLOW, STOPPED = 40, 50, 10
PROGRAM = f"yes {'x' * 99} | head -n {COUNT}"


def memory(gateway: Served) -> int:
    """The resident bytes of the gateway process."""
    (pid,) = gateway.parts("gateway.app")
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


async def alone(gateway: Served) -> float:
    """How long the run takes by its own record, with nobody reading."""
    with calling(gateway) as caller:
        exec_id = await asyncio.to_thread(caller.execute, PROGRAM)
        await asyncio.to_thread(caller.finished, exec_id, 120)
    return await seconds(gateway, exec_id)


async def seconds(gateway: Served, exec_id: str) -> float:
    """Between the first line and the last one of a run that has ended."""

    def times() -> float:
        query = {"format": "lines", "size": 1}
        with calling(gateway) as caller:
            first = caller.call("GET", f"{exec_id}/log", params={**query, "fromLine": 1})
            last = caller.call("GET", f"{exec_id}/log", params={**query, "fromLine": COUNT})
        return float(last["lines"][0]["t"] - first["lines"][0]["t"]) / 1000

    return await asyncio.to_thread(times)


async def crowded(gateway: Served) -> tuple[float, int]:
    """The same with all readers, and by how many bytes the gateway grew meanwhile."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    before = memory(gateway)
    with proxied((host, int(port))) as proxy:
        proxy.down = Rule(bytes_per_second=1_000)
        async with (
            Visitor(gateway, Ledger(0)) as quick,
            Visitor(gateway, Ledger(0), f"http://127.0.0.1:{proxy.port}") as slow,
            AsyncExitStack() as stopped,
        ):
            with calling(gateway) as caller:
                exec_id = await asyncio.to_thread(caller.execute, PROGRAM)
            for _ in range(STOPPED):
                socket: ClientConnection = await stopped.enter_async_context(opened(gateway))
                await socket.send(frame(f"{exec_id}/subscribe", {"fromLine": 1}))
            readers = [asyncio.create_task(read(slow, exec_id)) for _ in range(SLOW)]
            async with asyncio.TaskGroup() as group:
                for _ in range(QUICK):
                    group.create_task(count(quick, exec_id))
            grown = memory(gateway) - before
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
    return await seconds(gateway, exec_id), grown


async def read(visitor: Visitor, exec_id: str) -> None:
    """Subscribes once and reads as quickly as the way allows."""
    try:
        await visitor.listen(Seen("slow"), exec_id)
    except BROKEN:
        return


async def count(visitor: Visitor, exec_id: str) -> None:
    """Subscribes and counts the lines to the end."""
    async with opened(visitor.gateway) as socket:
        await socket.send(frame(f"{exec_id}/subscribe", {"fromLine": 1}))
        lines = 0
        while True:
            message = json.loads(await socket.recv())
            lines += len(message["data"].get("lines", ()))
            if message["method"].endswith("/eof"):
                assert lines == COUNT
                return


def measure(gateway: Served, share: float) -> list[Figure]:
    """The time of the run in pairs, and the growth of the gateway."""
    without, beside, grown = [], [], []
    for _ in range(max(1, int(PAIRS * share))):
        without.append(asyncio.run(alone(gateway)))
        took, growth = asyncio.run(crowded(gateway))
        beside.append(took)
        grown.append(growth / (1 << 20))
    readers = f"{QUICK + SLOW + STOPPED} readers"
    return [
        Figure(
            "readers",
            f"run with {readers}",
            median(beside),
            "s",
            "none",
            median(without),
            more_is_better=False,
        ),
        Figure(
            "readers",
            f"memory grown by {readers}",
            max(grown),
            "MiB",
            "allowed",
            64.0,
            more_is_better=False,
        ),
    ]
