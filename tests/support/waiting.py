"""Waiting for something to become true: the only place of the tests that sleeps."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

__all__ = ["wait_until", "wait_until_sync"]

_SHORTEST = 0.002
_LONGEST = 0.05


async def wait_until(
    condition: Callable[[], object | Awaitable[object]],
    description: str,
    timeout: float = 30.0,  # noqa: ASYNC109  # it ends in a failure that says what was awaited
) -> None:
    """Waits until the condition, which may be async, is true; fails with the description."""
    deadline = time.monotonic() + timeout
    pause = _SHORTEST
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {description}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST)


def wait_until_sync(
    condition: Callable[[], object], description: str, timeout: float = 30.0
) -> None:
    """Waits, blocking, until the condition is true; fails with the description."""
    deadline = time.monotonic() + timeout
    pause = _SHORTEST
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {description}")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST)
