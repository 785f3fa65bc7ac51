"""The pace of a storm: pauses that end early when the storm does."""

from __future__ import annotations

import asyncio
import contextlib
import threading

__all__ = ["hold_off", "pause"]


async def pause(seconds: float, over: asyncio.Event | None = None) -> bool:
    """Lets time pass, less of it if ``over`` is set meanwhile; whether it is."""
    event = over or asyncio.Event()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


def hold_off(seconds: float, over: threading.Event | None = None) -> bool:
    """As ``pause``, for threads."""
    return (over or threading.Event()).wait(seconds)
