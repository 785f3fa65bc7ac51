"""Who is live: the runs that this runner looks after, and a bell for each.

Kept in memory only. What is in it came from the run directories and can be found there again.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from engines.progress import PROGRESS
from engines.rundir import EXIT, KILL, OUTPUT, STARTED, RunDir

__all__ = ["Live", "Roster"]


class Live:
    """One live run: whose it is, where it is, and an event that says that something changed."""

    __slots__ = ("_facts", "_output", "_paths", "counts", "owner", "run", "run_id", "rung")

    def __init__(self, run_id: str, owner: str, run: RunDir, *, counts: bool = True) -> None:
        self.run_id = run_id
        self.owner = owner
        self.run = run
        self.counts = counts
        self.rung = asyncio.Event()
        self._output = run.file(OUTPUT)
        self._paths = tuple(run.file(name) for name in (STARTED, EXIT, KILL, PROGRESS))
        self._facts: tuple[int, ...] = ()

    def waiting_bytes(self, offset: int) -> int:
        """How much output there is beyond ``offset``."""
        return max(_size(self._output) - offset, 0)

    @property
    def ended(self) -> bool:
        """Whether how the run ended is on record."""
        return _size(self.run.file(EXIT)) >= 0

    async def wait(self, seconds: float) -> None:
        """Waits until it rings, but no longer than that; look at everything afterwards."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.rung.wait()
        self.rung.clear()

    def look(self) -> bool:
        """Whether the facts on disk are others than at the last look."""
        facts = (_size(self._output), *(_size(path) for path in self._paths))
        changed = facts != self._facts
        self._facts = facts
        return changed


class Roster:
    """The live runs by identifier, counted in all and by user.

    A run with ``counts`` false is on its way out without ever having held a slot.
    """

    def __init__(self) -> None:
        self._runs: dict[str, Live] = {}
        self._owners: Counter[str] = Counter()
        self.left = asyncio.Event()

    def __len__(self) -> int:
        """How many slots are taken."""
        return self._owners.total()

    @property
    def passing(self) -> int:
        """How many runs are on their way out without a slot."""
        return len(self._runs) - len(self)

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._runs

    def __iter__(self) -> Iterator[Live]:
        return iter(tuple(self._runs.values()))

    def running(self, owner: str) -> int:
        """How many slots one user has taken."""
        return self._owners[owner]

    def find(self, run_id: str) -> Live | None:
        """The live run of that name, or None."""
        return self._runs.get(run_id)

    def enter(self, live: Live) -> bool:
        """Takes a run in; False if it is in already, so that nothing is looked after twice."""
        if live.run_id in self._runs:
            return False
        self._runs[live.run_id] = live
        if live.counts:
            self._owners[live.owner] += 1
        return True

    def leave(self, live: Live) -> None:
        """Lets a run go, and says so through ``left``."""
        if self._runs.get(live.run_id) is not live:
            return
        del self._runs[live.run_id]
        if live.counts:
            self._owners[live.owner] -= 1
            if not self._owners[live.owner]:
                del self._owners[live.owner]
        self.left.set()

    def ring(self, run_id: str) -> bool:
        """Rings for one run; False if it is not live here."""
        live = self._runs.get(run_id)
        if live is None:
            return False
        live.rung.set()
        return True


def _size(path: str) -> int:
    """The size of a file, -1 if there is none."""
    try:
        return os.stat(path).st_size  # noqa: PTH116 - a thousand runs are looked at twice a second
    except OSError:
        return -1
