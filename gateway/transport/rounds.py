"""What is done for each of very many websockets from time to time, by one task for all of them.

A task with a timer for each cost a future and a handle for every socket and every two seconds; with
ten thousand of them the garbage collector stopped the loop to look through these alone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from gateway import clock

__all__ = ["Rounds"]

_AT_ONCE = 32
"""Members that are called before other work of the loop has its turn."""
_REST_SECONDS = 0.02
"""Those that fall due within this are called together, late by as much at most."""

Member = TypeVar("Member")


class Rounds(Generic[Member]):
    """Calls each member once, so many seconds after it was added.

    Args:
        seconds: how long each of them waits.
        call: what is done; it may add any member again. It must not raise, and must not take long.
    """

    def __init__(self, seconds: float, call: Callable[[Member], None]) -> None:
        self._seconds = seconds
        self._call = call
        # All wait equally long: they are due in the order in which they were added.
        self._due: OrderedDict[Member, float] = OrderedDict()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def add(self, member: Member) -> None:
        """It is called after the time; from now, if it was waiting already."""
        self._due.pop(member, None)
        self._due[member] = clock.monotonic() + self._seconds
        self._filled.set()

    def discard(self, member: Member) -> None:
        """It is not called."""
        self._due.pop(member, None)

    async def run(self) -> None:
        """Calls them for ever."""
        while True:
            if not self._due:
                self._filled.clear()
                await self._filled.wait()
            wait = self._call_some()
            await asyncio.sleep(wait)

    def _call_some(self) -> float:
        """Calls some of those that are due; how long to wait before the next."""
        now = clock.monotonic()
        for _ in range(_AT_ONCE):
            member = next(iter(self._due), None)
            if member is None:
                return 0.0
            left = self._due[member] - now
            if left > 0:
                return max(left, _REST_SECONDS)
            del self._due[member]
            self._call(member)
        return 0.0
