"""Who is live: the runs that this runner looks after, and an event for each.

Kept in memory only. What is in it came from the run directories and can be found there again.
"""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from engines.rundir.directory import EVENTS, EXIT, KILL, OUTPUT, STARTED, SUSPENDED, RunDir
from engines.rundir.progress import PROGRESS
from gateway.clock import monotonic
from gateway.runner.leaf_keeper import Occupied
from gateway.stores.allotment import Allotment

__all__ = ["LiveRun", "LiveRuns"]

_KILL_AT = 4
"""Where the request to kill stands among the facts that are looked at."""
_LOCK_SECONDS = 1.75
"""How seldom it is asked whether somebody is on a run: only so is the death of a shim noticed."""
_POLL_SECONDS = 30.0
"""A quiet run is taken in hand this often, though nothing of it seems to have changed."""
_POLLS_A_SECOND = 100
"""Among so many quiet runs that this would be more of that a second, each is more seldom."""
_SETTLED_NS = 50_000_000
"""A folder that changed this long ago, and not since, has no change with the same stamp."""


class LiveRun:
    """One live run: whose it is, where it is, and an event that says that something changed."""

    __slots__ = (
        "_asked",
        "_changed_ns",
        "_events",
        "_facts",
        "_lock_seen",
        "_locked",
        "_output",
        "_paths",
        "_same",
        "allotment",
        "changed_at",
        "counts",
        "group",
        "looked_at",
        "notified",
        "occupied",
        "owner",
        "placed",
        "retell",
        "run",
        "run_id",
    )

    def __init__(
        self,
        run_id: str,
        owner: str,
        run: RunDir,
        *,
        counts: bool = True,
        allotment: Allotment | None = None,
        placed: bool = False,
    ) -> None:
        self.run_id = run_id
        self.owner = owner
        self.run = run
        self.counts = counts and not placed
        self.placed = placed
        self.allotment = allotment
        self.group = ""
        self.occupied: Occupied | None = None
        self.notified = asyncio.Event()
        self._output = run.file(OUTPUT)
        self._paths = tuple(run.file(name) for name in (STARTED, SUSPENDED, EXIT, KILL, PROGRESS))
        self._facts: tuple[int, ...] = ()
        self._events = run.file(EVENTS)
        self._asked = -1
        self._changed_ns = -1
        self._same = False
        self._locked = False
        self._lock_seen = 0.0
        self.changed_at = monotonic()
        """When it was at work last, as far as anybody noticed."""
        self.looked_at = self.changed_at
        self.retell = False
        """What was told of it may have been lost: it is to be told again."""

    def waiting_bytes(self, offset: int) -> int:
        """How much output there is beyond ``offset``."""
        return max(_size(self._output) - offset, 0)

    @property
    def ending(self) -> bool:
        """Whether it was seen that the run is to end."""
        return len(self._facts) > _KILL_AT and self._facts[_KILL_AT] >= 0

    @property
    def ended(self) -> bool:
        """Whether how the run ended is on record."""
        return _size(self.run.file(EXIT)) >= 0

    async def wait(self, seconds: float) -> None:
        """Waits until it is notified, but no longer than that; look at everything afterwards."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.notified.wait()
        self.notified.clear()

    def look(self) -> bool:
        """Whether the facts on disk are others than at the last look."""
        self.looked_at = monotonic()
        changed_ns = _changed_ns(self.run.path)
        # A fact comes and goes as a file of the folder: while that is the same, only what grows
        # need be looked at, which is two looks in place of seven.
        self._same = changed_ns == self._changed_ns and bool(self._facts)
        facts = (_size(self._output), *(self._grown() if self._same else map(_size, self._paths)))
        settled = 0 <= changed_ns < time.time_ns() - _SETTLED_NS
        self._changed_ns = changed_ns if settled else -1
        changed = facts != self._facts
        if changed:
            self.changed_at = self.looked_at
        self._facts = facts
        return changed

    def deserted(self) -> bool:
        """Whether nobody is on the run any more since the last look; asked every two seconds."""
        if self.placed or self.looked_at - self._lock_seen < _LOCK_SECONDS:
            return False
        self._lock_seen = self.looked_at
        before = self._locked
        try:
            self._locked = self.run.locked()
        except OSError:
            return True  # whoever takes it in hand will find out what that is
        return before and not self._locked

    def asked(self) -> bool:
        """Whether something was asked of it, or done about that, since the last look."""
        if self._same and self._asked < 0:
            return False
        size = _size(self._events)
        changed = size != self._asked
        self._asked = size
        return changed

    def _grown(self) -> Iterator[int]:
        """The facts as they were, with what a file that grows is now."""
        *stay, progress = self._facts[1:]
        yield from stay
        yield progress if progress < 0 else _size(self._paths[-1])


class LiveRuns:
    """The live runs by identifier, counted in all and by user.

    A run with ``counts`` false is on its way out without ever having held a slot, or is ``placed``
    somewhere else and needs none.
    """

    def __init__(self) -> None:
        self._runs: dict[str, LiveRun] = {}
        self._owners: Counter[str] = Counter()
        self._refused: set[str] = set()
        self._placed = 0
        self.changes = 0
        """Counts who came and who left."""
        self.left = asyncio.Event()

    def __len__(self) -> int:
        """How many slots are taken."""
        return self._owners.total()

    @property
    def passing(self) -> int:
        """How many runs are on their way out without a slot."""
        return len(self._runs) - len(self) - self._placed

    @property
    def poll_seconds(self) -> float:
        """How long a quiet run may go without being taken in hand: longer if there are many."""
        return max(_POLL_SECONDS, len(self._runs) / _POLLS_A_SECOND)

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._runs

    def __iter__(self) -> Iterator[LiveRun]:
        return iter(tuple(self._runs.values()))

    def running(self, owner: str) -> int:
        """How many slots one user has taken."""
        return self._owners[owner]

    def find(self, run_id: str) -> LiveRun | None:
        """The live run of that name, or None."""
        return self._runs.get(run_id)

    def enter(self, live: LiveRun) -> bool:
        """Takes a run in; False if it is in already, so that nothing is looked after twice."""
        if live.run_id in self._runs or live.run_id in self._refused:
            return False
        self._runs[live.run_id] = live
        self.changes += 1
        self._placed += live.placed
        if live.counts:
            self._owners[live.owner] += 1
        return True

    def refuse(self, live: LiveRun) -> None:
        """Never takes this run in again: nothing can be done about it while this process lives."""
        self._refused.add(live.run_id)

    def leave(self, live: LiveRun) -> None:
        """Lets a run go, and says so through ``left``."""
        if self._runs.get(live.run_id) is not live:
            return
        del self._runs[live.run_id]
        self.changes += 1
        self._placed -= live.placed
        if live.counts:
            self._owners[live.owner] -= 1
            if not self._owners[live.owner]:
                del self._owners[live.owner]
        self.left.set()

    def notify(self, run_id: str) -> bool:
        """Notifies one run; False if it is not live here."""
        live = self._runs.get(run_id)
        if live is None:
            return False
        live.changed_at = monotonic()
        live.notified.set()
        return True


def _changed_ns(path: str) -> int:
    """When files last came to a folder or went, in ns of the wall clock; -1 if there is none."""
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return -1


def _size(path: str) -> int:
    """The size of a plain file, -1 if there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return -1
    return found.st_size if stat.S_ISREG(found.st_mode) else -1
