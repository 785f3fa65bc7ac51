"""A statement in a warm Python session, beside the same in a bare kernel."""

from __future__ import annotations

import asyncio
import importlib.util
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.benchmarks.figures import Figure, less
from tests.benchmarks.turns import in_turns, statement
from tests.journeys.entrance import opened
from tests.support.served import Served

ROUNDS = 50
_WARM = 3


@asynccontextmanager
async def bare_kernel() -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """Milliseconds of the same through jupyter_client alone."""
    from jupyter_client.manager import start_new_async_kernel  # noqa: PLC0415 - may be absent

    manager, client = await start_new_async_kernel(kernel_name="python3")

    async def ask() -> float:
        start = time.perf_counter()
        await client.execute_interactive("1+1", output_hook=lambda _: None, timeout=30)
        return (time.perf_counter() - start) * 1000

    try:
        yield ask
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


async def compare(gateway: Served, count: int) -> tuple[float, float]:
    """The medians of ours and of the kernel alone, in turns: a busy machine is so for both."""
    async with asyncio.timeout(240), opened(gateway) as socket, bare_kernel() as bare:
        return await in_turns(
            lambda: statement(socket, "python", "python", "1+1"), bare, count, _WARM
        )


def absent() -> str:
    """A package without which there are no sessions here, empty if there are."""
    needed = ("jupyter_client", "ipykernel")
    return next((name for name in needed if importlib.util.find_spec(name) is None), "")


def measure(gateway: Served, share: float) -> list[Figure]:
    """Medians; nothing, and why, where there is no kernel."""
    missing = absent()
    if missing:
        warnings.warn(f"sessions skipped: {missing} is not installed", stacklevel=1)
        return []
    mine, theirs = asyncio.run(compare(gateway, max(10, int(ROUNDS * share))))
    return [less("sessions: warm 1+1, p50", mine, "ms", ("jupyter_client alone", theirs), 2)]
