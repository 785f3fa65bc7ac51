"""One run at full speed with a hundred readers, half of them slow, beside the same without any."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

from websockets.asyncio.client import ClientConnection

from tests.benchmarks.figures import Figure, median
from tests.faults.ledger import Ledger, Seen
from tests.faults.proxy import Rule, proxied
from tests.faults.retrying_client import BROKEN, RetryingClient, calling
from tests.journeys.entrance import frame, opened
from tests.support.served import Served

COUNT = 3_000_000
PAIRS = 5
QUICK, SLOW, STOPPED = 40, 50, 10


def memory(gateway: Served) -> int:
    """The resident bytes of the gateway process."""
    (pid,) = gateway.parts("gateway.app")
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def program(gate: Path) -> str:
    """A script that says nothing before somebody opens the gate, and then all it has at once."""
    return f"cat {gate}; yes {'x' * 99} | head -n {COUNT}"


async def through(gateway: Served, exec_id: str, gate: Path) -> float:
    """Opens the gate; how long the run took by its own record."""
    await asyncio.to_thread(gate.write_text, "")
    with calling(gateway) as caller:
        await asyncio.to_thread(caller.finished, exec_id, 120)
    return await seconds(gateway, exec_id)


async def alone(gateway: Served, gate: Path) -> float:
    """How long the run takes with nobody reading."""
    with calling(gateway) as caller:
        exec_id = await asyncio.to_thread(caller.execute, program(gate))
    return await through(gateway, exec_id, gate)


async def seconds(gateway: Served, exec_id: str) -> float:
    """Between the first line and the last one of a run that has ended."""

    def times() -> float:
        query = {"format": "lines", "size": 1}
        with calling(gateway) as caller:
            first = caller.call("GET", f"{exec_id}/log", params={**query, "fromLine": 1})
            last = caller.call("GET", f"{exec_id}/log", params={**query, "fromLine": COUNT})
        return float(last["lines"][0]["t"] - first["lines"][0]["t"]) / 1000

    return await asyncio.to_thread(times)


async def crowded(gateway: Served, gate: Path) -> tuple[float, int]:
    """The same with all readers, and by how many bytes the gateway grew meanwhile."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    before = memory(gateway)
    with proxied((host, int(port))) as proxy:
        proxy.down = Rule(bytes_per_second=1_000)
        async with (
            RetryingClient(gateway, Ledger(0)) as quick,
            RetryingClient(gateway, Ledger(0), f"http://127.0.0.1:{proxy.port}") as slow,
            AsyncExitStack() as stopped,
        ):
            with calling(gateway) as caller:
                exec_id = await asyncio.to_thread(caller.execute, program(gate))
            for _ in range(STOPPED):
                socket: ClientConnection = await stopped.enter_async_context(opened(gateway))
                await socket.send(frame(f"{exec_id}/subscribe", {"fromLine": 1}))
            there = asyncio.Barrier(QUICK + 1)
            readers = [asyncio.create_task(read(slow, exec_id)) for _ in range(SLOW)]
            readers += [asyncio.create_task(take(quick, exec_id, there)) for _ in range(QUICK)]
            await there.wait()
            took = await through(gateway, exec_id, gate)
            grown = memory(gateway) - before
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
    return took, grown


async def read(retrying: RetryingClient, exec_id: str) -> None:
    """Subscribes once and reads as quickly as the way allows."""
    try:
        await retrying.listen(Seen("slow"), exec_id)
    except BROKEN:
        return


async def take(retrying: RetryingClient, exec_id: str, there: asyncio.Barrier) -> None:
    """Subscribes and takes what comes, as quickly as one can who does not look at it."""
    async with opened(retrying.gateway) as socket:
        await socket.send(frame(f"{exec_id}/subscribe", {"fromLine": 1}))
        await socket.recv()
        await there.wait()
        async for _ in socket:
            pass


def measure(gateway: Served, share: float) -> list[Figure]:
    """The time of the run in pairs, and the growth of the gateway."""
    without, beside, grown = [], [], []
    for turn in range(max(1, int(PAIRS * share))):
        gate = gateway.data.parent / f"gate-{turn}"
        os.mkfifo(gate)
        without.append(asyncio.run(alone(gateway, gate)))
        took, growth = asyncio.run(crowded(gateway, gate))
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
