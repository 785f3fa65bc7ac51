"""Statements through the gateway and beside it, in turns: a busy machine is so for both."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable

from websockets.asyncio.client import ClientConnection

from tests.benchmarks.figures import median
from tests.journeys.entrance import frame

__all__ = ["in_turns", "statement"]


async def statement(socket: ClientConnection, engine: str, kind: str, text: str) -> float:
    """Milliseconds from asking to the final status."""
    body: dict[str, object] = {
        "executeApplicationName": engine,
        "runType": kind,
        "executionCode": text,
    }
    start = time.perf_counter()
    await socket.send(frame("execute", body))
    while True:
        data = json.loads(await socket.recv())["data"]
        if data.get("status") in {"Succeed", "Failed", "Cancelled", "Timeout"}:
            assert data["status"] == "Succeed", data
            return (time.perf_counter() - start) * 1000


async def in_turns(
    ours: Callable[[], Awaitable[float]],
    bare: Callable[[], Awaitable[float]],
    rounds: int,
    warm: int,
) -> tuple[float, float]:
    """The medians of both, after some rounds to get warm."""
    took = [(await ours(), await bare()) for _ in range(warm + rounds)]
    mine, theirs = zip(*took[warm:], strict=True)
    return median(mine), median(theirs)
