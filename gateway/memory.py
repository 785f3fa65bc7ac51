"""How a long-lived process gives memory back to the system after a client has made it take much.

The C library keeps what is freed, in as many arenas as there were threads: four clients that sent
messages of a megabyte for half a minute left a gateway with 350 MB, of which 120 were in use.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
from collections.abc import Callable
from pathlib import Path

from gateway.garbage import GarbageCollector

__all__ = ["MemoryKeeper", "resident_bytes", "use_few_arenas"]

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_ARENAS = 2
_LARGE_BYTES = 320 << 10
"""A block of this size has pages of its own, which go when it is freed. Set, it grows no more.

More than what asyncio makes room for at each reading of a socket (256 KiB and a few bytes): fresh
pages for each would cost more than the reading.
"""

_POLL_SECONDS = 2.0
_GROWN_BYTES = 24 << 20
_WORTH_BYTES = 8 << 20
_PAGE_BYTES = 4096
_STATM = Path("/proc/self/statm")


def use_few_arenas() -> None:
    """Sets up the C library's allocator, before there are threads; nothing where it is another."""
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, _ARENAS)
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def resident_bytes() -> int:
    """The memory that this process has in use, by the system's account."""
    return int(_STATM.read_text().split()[1]) * _PAGE_BYTES


class MemoryKeeper:
    """Looks every two seconds whether the process has grown, and gives back what it only keeps.

    Args:
        resident: tells how many bytes the process has.
        trim: gives back what can be given back; called in a thread.
        collect: lets go of what only refers to itself; called on the loop.
        expected: how many bytes what is open now is known to take: for them nothing is looked for.
    """

    def __init__(
        self,
        resident: Callable[[], int] = resident_bytes,
        trim: Callable[[], object] | None = None,
        collect: Callable[[], object] | None = None,
        expected: Callable[[], int] = lambda: 0,
    ) -> None:
        self._count = resident
        self._expected = expected
        self._collect = collect or GarbageCollector()
        self._trim = trim or _trimmer()
        self._least = self._resident()
        self._before = self._least
        self._unsettled = False

    def _resident(self) -> int:
        """What it has and is not expected to have."""
        return self._count() - self._expected()

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Gives back if much was taken since the last time, or if giving back still helps."""
        # A process out of descriptors cannot look, and has other troubles: the next time will do.
        with contextlib.suppress(OSError):
            await self._look()

    async def _look(self) -> None:
        now = self._resident()
        calm = now - self._before < _WORTH_BYTES
        self._before = now
        self._least = min(self._least, now)
        if now - self._least < _GROWN_BYTES and not self._unsettled:
            return
        if calm:
            # What refers to itself, as an error does to the message it is about, is let go of by
            # the collector alone, and that comes with new objects: it is called when none come.
            self._collect()
        await asyncio.to_thread(self._trim)
        left = self._resident()
        # As long as it helps, or there is work, it is tried again; then this is what it needs.
        self._unsettled = not calm or now - left >= _WORTH_BYTES
        self._least = self._before = left


def _trimmer() -> Callable[[], object]:
    """The C library's own way, or nothing to do where it has none."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return lambda: None
    return lambda: trim(0)
