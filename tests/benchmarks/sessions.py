"""A statement in a warm Python session, beside the same in a bare kernel."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import time
import warnings

from websockets.asyncio.client import ClientConnection

from tests.benchmarks.figures import Figure, less, median
from tests.journeys.entrance import frame, opened
from tests.support.served import Served

ROUNDS = 50
_WARM = 3


async def statement(socket: ClientConnection) -> float:
    """Milliseconds from asking to the final status."""
    body: dict[str, object] = {
        "executeApplicationName": "python",
        "runType": "python",
        "executionCode": "1+1",
    }
    start = time.perf_counter()
    await socket.send(frame("execute", body))
    while True:
        data = json.loads(await socket.recv())["data"]
        if data.get("status") in {"Succeed", "Failed", "Cancelled", "Timeout"}:
            assert data["status"] == "Succeed", data
            return (time.perf_counter() - start) * 1000


async def bare(count: int) -> list[float]:
    """Milliseconds of the same through jupyter_client alone."""
    from jupyter_client.manager import start_new_async_kernel  # noqa: PLC0415 - may be absent

    manager, client = await start_new_async_kernel(kernel_name="python3")
    found = []
    try:
        for _ in range(count + _WARM):
            start = time.perf_counter()
            await client.execute_interactive("1+1", output_hook=lambda _: None, timeout=30)
            found.append((time.perf_counter() - start) * 1000)
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
    return found[_WARM:]


async def compare(gateway: Served, count: int) -> tuple[float, float]:
    """Ours, then the kernel alone."""
    async with asyncio.timeout(120), opened(gateway) as socket:
        mine = [await statement(socket) for _ in range(count + _WARM)][_WARM:]
    async with asyncio.timeout(120):
        return median(mine), median(await bare(count))


def measure(gateway: Served, share: float) -> list[Figure]:
    """Medians; nothing, and why, where there is no kernel."""
    missing = [
        name for name in ("jupyter_client", "ipykernel") if importlib.util.find_spec(name) is None
    ]
    if missing:
        warnings.warn(f"sessions skipped: {missing[0]} is not installed", stacklevel=1)
        return []
    mine, theirs = asyncio.run(compare(gateway, max(10, int(ROUNDS * share))))
    return [less("sessions: warm 1+1, p50", mine, "ms", ("jupyter_client alone", theirs), 2)]
