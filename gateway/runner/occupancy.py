"""Which run has which leaves: the pool and the queues as they are, and everything that is live.

Kept in memory only, and found again at a start: a run that asked for leaves has them on record in
its run directory, every other one gets any that is free.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import count
from operator import attrgetter

from gateway.clock import now_ms
from gateway.config import Runner
from gateway.runner.leaf_keeper import Bounds, Occupied
from gateway.runner.live_runs import LiveRun, LiveRuns
from gateway.stores.allotment import Allotment
from gateway.stores.pool import PoolFile
from gateway.stores.queues import QueueFile
from protocol.placement import Pool
from protocol.resources import Leaf, Queue
from protocol.tasks import TaskId

__all__ = ["Occupancy"]

_MB = 1 << 20
_OWNER = attrgetter("owner")


class Occupancy:
    """Pool, queues and what of them is in use.

    Args:
        pool: every leaf there is.
        queues: every queue there is.
        settings: the bounds besides.
        live_runs: what is live.
    """

    def __init__(
        self, pool: PoolFile, queues: QueueFile, settings: Runner, live_runs: LiveRuns
    ) -> None:
        self._pool_file = pool
        self._queue_file = queues
        self._live_runs = live_runs
        self._serial = count(1)
        self._given = 0
        self._picture: tuple[int, int] | None = None
        self._occupied: list[Occupied] = []
        self._slots = Counter[str]()
        self.gangs: dict[str, tuple[TaskId, ...]] = {}
        """Of each group attempt that starts together and is complete: its tasks."""
        self.group_ports: dict[str, frozenset[int]] = {}
        """The ports of each live group."""
        self._leaves: tuple[Leaf, ...] = ()
        self._pool = Pool(())
        self.bounds = Bounds(
            settings.running_per_user,
            settings.pool_memory_mb or _memory_mb(),
            settings.booked_seconds,
            settings.grace_seconds + settings.drain_seconds,
        )

    @property
    def pool(self) -> Pool:
        """The pool as it is now. Raises UNAVAILABLE."""
        leaves = self._pool_file.leaves()
        if leaves is not self._leaves:
            self._leaves, self._pool = leaves, Pool(leaves)
        return self._pool

    @property
    def queues(self) -> Mapping[str, Queue]:
        """The queues as they are now. Raises UNAVAILABLE."""
        return self._queue_file.all()

    def occupied(self) -> list[Occupied]:
        """All live runs that have slots, each with its leaves if there are enough.

        The same list as before, if nothing has changed.
        """
        self._look()
        return self._occupied

    def slots(self) -> Counter[str]:
        """How many slots each user has."""
        self._look()
        return self._slots

    def _look(self) -> None:
        """Looks through all that lives if that is another picture than the last time.

        It is asked for with each task that comes or ends, and every second besides.
        """
        if self._picture == (self._live_runs.changes, self._given):
            return
        self._occupied = self._looked()
        self._slots = Counter(map(_OWNER, self._occupied))
        stays = True
        for held in self._occupied:
            if len(held.leaves) != 1 or held.preemptible:
                self._slots[held.owner] += held.slots - 1
                # Whether one that may be preempted is ending is seen on the run alone.
                stays = stays and bool(held.leaves) and not held.preemptible
        self._picture = (self._live_runs.changes, self._given) if stays else None

    def _looked(self) -> list[Occupied]:
        found, without = [], []
        for live in self._live_runs:
            if not live.counts:
                continue
            held = live.occupied or self.give(live, live.allotment)
            if held.preemptible and live.ending is not held.ending:
                held = live.occupied = replace(held, ending=live.ending)
            if not held.leaves and live.allotment is None:
                without.append(live)
            found.append(held)
        return self._settled(found, without) if without else found

    def give(
        self, live: LiveRun, allotment: Allotment | None, leaves: Iterable[int] = ()
    ) -> Occupied:
        """Notes what a run has: what is on record of it, or leaves that nobody else has."""
        self._given += 1
        if allotment is None:
            held = Occupied(live.run_id, live.owner, tuple(leaves), since=next(self._serial))
            live.occupied = held
            return held
        ends_ms = (allotment.at_ms or now_ms()) + int(allotment.seconds * 1000)
        live.allotment = allotment
        held = live.occupied = Occupied(
            live.run_id,
            live.owner,
            tuple(leaf.id for leaf in allotment.leaves),
            allotment.queue,
            next(self._serial),
            allotment.memory_mb,
            allotment.preemptible,
            ends_ms if allotment.seconds else 0,
            live.ending,
        )
        return held

    def on_dead_leaves(self) -> list[LiveRun]:
        """The runs of which a leaf is dead."""
        dead = self.pool.dead
        if not dead:
            return []
        return [
            live
            for live in self._live_runs
            if live.occupied and not dead.isdisjoint(live.occupied.leaves)
        ]

    def _settled(self, found: list[Occupied], without: list[LiveRun]) -> list[Occupied]:
        """Gives free leaves to runs that have none, which ran before anybody looked."""
        taken = {leaf for held in found for leaf in held.leaves}
        free = sorted(self.pool.alive - taken)
        for live in without:
            if free and live.occupied is not None:
                live.occupied = replace(live.occupied, leaves=(free.pop(),))
        return [
            live.occupied for live in self._live_runs if live.counts and live.occupied is not None
        ]


def _memory_mb() -> int:
    """The memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MB
