"""Which leaves are free for whom while a plan is made: taken ones, reserved ones, booked ones.

Pure, and of one plan only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protocol.placement import Pool
from protocol.resources import DEFAULT_QUEUE, Shape

__all__ = ["Bounds", "LeafKeeper", "Occupied"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What holds besides the leaves themselves.

    ``per_user`` is how many leaves one user may have. ``memory_mb`` is the memory of all that ask
    for some. Within ``booked_seconds`` before a booked start its leaves are not given to tasks
    without a time limit; ``grace_seconds`` is how much later than its limit a run may end.
    """

    per_user: int
    memory_mb: int = 0
    booked_seconds: float = 3600.0
    grace_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Occupied:
    """A live run: its leaves, and what else of it counts.

    ``since`` orders runs by their start. ``ends_ms`` is when its time limit ends it, 0 for none.
    ``ending`` says that it is being ended. A run that found no leaf when it was taken in still
    counts as one slot.
    """

    run_id: str
    owner: str
    leaves: tuple[int, ...]
    queue: str = DEFAULT_QUEUE
    since: int = 0
    memory_mb: int = 0
    preemptible: bool = False
    ends_ms: int = 0
    ending: bool = False

    @property
    def slots(self) -> int:
        """How many slots it counts for."""
        return max(len(self.leaves), 1)


_JUST_STARTED = Occupied("", "", (), since=1 << 62)


class LeafKeeper:
    """The leaves of a pool during one plan."""

    def __init__(self, pool: Pool, live: Sequence[Occupied], bounds: Bounds, now_ms: int) -> None:
        self._pool = pool
        self._bounds = bounds
        self._now_ms = now_ms
        self._runs = {leaf: run for run in live for leaf in run.leaves}
        without = sum(1 for run in live if not run.leaves)
        free = sorted(pool.alive.difference(self._runs))
        # Runs without a leaf are somewhere: as many fewer are free.
        self._free = set(free[: max(len(free) - without, 0)])
        self._line = sorted(self._free)
        self._kept: set[int] = set()
        self._booked: dict[int, int] = {}
        self._reserved = False
        self._victims: list[str] = []
        self._ending = {leaf for leaf, run in self._runs.items() if run.ending}
        self._preemptible = sorted(
            {run.run_id: run for run in live if run.preemptible and not run.ending}.values(),
            key=lambda run: (-run.since, run.run_id),
        )

    @property
    def free(self) -> int:
        """How many leaves nobody has, whether they are kept or not."""
        return len(self._free)

    @property
    def preempted(self) -> tuple[str, ...]:
        """The runs that are to be ended for others."""
        return tuple(self._victims)

    def usable(self, seconds: float) -> set[int]:
        """The leaves that a task with this time limit may have now."""
        left = self._free - self._kept
        if self._booked:
            left = {leaf for leaf in left if self._ends_before(leaf, seconds)}
        return left

    def any_leaf(self, seconds: float) -> int | None:
        """One leaf for a task that takes any, from the end of the pool; None if there is none."""
        if not self._kept and not self._booked:
            while self._line and self._line[-1] not in self._free:
                self._line.pop()
            return self._line[-1] if self._line else None
        return max(self.usable(seconds), default=None)

    def take(self, leaves: Iterable[Iterable[int]]) -> None:
        """Gives leaves to a task that starts."""
        for part in leaves:
            self._free.difference_update(part)
            self._runs.update(dict.fromkeys(part, _JUST_STARTED))

    def book(self, shapes: Sequence[Shape], start_at_ms: int) -> None:
        """Keeps leaves free for a start at a time, if there are any by then."""
        usable = {
            leaf
            for leaf in self._pool.alive
            if leaf not in self._booked and self._is_free_by(leaf, start_at_ms)
        }
        found = self._pool.fit(shapes, usable)
        if found is None:
            found = self._earliest(shapes, self._pool.alive - self._booked.keys())
        for leaf in found or ():
            self._booked[leaf] = start_at_ms

    def reserve(self, options: Sequence[Sequence[Shape]]) -> bool:
        """Keeps leaves for the first task that finds no room; whether it is this one."""
        if self._reserved or self._free <= self._kept:
            return False  # nothing could be given to anybody else
        for shapes in options:
            found = self._earliest(shapes, self._pool.alive - self._kept - self._booked.keys())
            if found is not None:
                self._kept.update(found)
                self._reserved = True
                return True
        return False

    def preempt(self, options: Sequence[Sequence[Shape]]) -> bool:
        """Has the fewest and latest preemptible runs ended that make room; False if that is none.

        The leaves are kept. Runs that are being ended already are waited for first.
        """
        soon = (self._free | self._ending) - self._kept - self._booked.keys()
        for shapes in options:
            found = self._pool.fit(shapes, soon) if self._ending - self._kept else None
            if found is None:
                found = self._with_victims(shapes, soon)
            if found is not None:
                self._kept.update(found)
                return True
        return False

    def _with_victims(self, shapes: Sequence[Shape], soon: set[int]) -> tuple[int, ...] | None:
        runs = [run for run in self._preemptible if run.run_id not in self._victims]
        if not runs:
            return None
        low, high = 1, len(runs)
        best: tuple[int, ...] | None = None
        while low <= high:
            middle = (low + high) // 2
            more = {leaf for run in runs[:middle] for leaf in run.leaves} - self._kept
            found = self._pool.fit(shapes, soon | more)
            if found is None:
                low = middle + 1
            else:
                best, high = found, middle - 1
        for run in runs if best is not None else ():
            if not set(best or ()).isdisjoint(run.leaves):
                self._victims.append(run.run_id)
                self._ending.update(run.leaves)
        return best

    def _earliest(
        self, shapes: Sequence[Shape], among: frozenset[int] | set[int]
    ) -> tuple[int, ...] | None:
        """Leaves of which the run that started last started as early as possible."""
        times = sorted({self._runs[leaf].since for leaf in among if leaf in self._runs})
        free = {leaf for leaf in among if leaf not in self._runs}
        low, high = 0, len(times)
        best: tuple[int, ...] | None = None
        while low <= high:
            middle = (low + high) // 2
            latest = times[middle - 1] if middle else None
            usable = free | {
                leaf
                for leaf in among
                if latest is not None and leaf in self._runs and self._runs[leaf].since <= latest
            }
            found = self._pool.fit(shapes, usable)
            if found is None:
                low = middle + 1
            else:
                best, high = found, middle - 1
        return best

    def _is_free_by(self, leaf: int, at_ms: int) -> bool:
        run = self._runs.get(leaf)
        return run is None or run.ending or 0 < run.ends_ms <= at_ms

    def _ends_before(self, leaf: int, seconds: float) -> bool:
        """Whether a task with this limit, started now, is gone when the leaf is booked."""
        booked = self._booked.get(leaf)
        if booked is None:
            return True
        ahead = (booked - self._now_ms) / 1000
        if not seconds:
            return ahead > self._bounds.booked_seconds
        return seconds + self._bounds.grace_seconds <= ahead
