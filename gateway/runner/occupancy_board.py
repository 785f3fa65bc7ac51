"""Publishes who has what of the pool, when it changes and not too often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gateway.clock import monotonic
from gateway.runner.leaf_keeper import Occupied
from gateway.stores.occupancy import OccupancyReport, OccupancyStore, QueueUse
from protocol.tasks import TaskId

__all__ = ["OccupancyBoard"]

_AGAIN_SECONDS = 20.0


class OccupancyBoard:
    """What was said last, and when."""

    def __init__(self, store: OccupancyStore) -> None:
        self._store = store
        self._reported = OccupancyReport()
        self._at = -_AGAIN_SECONDS
        self._live: Sequence[Occupied] | None = None
        self._waiting: Mapping[str, int] = {}

    async def tell(self, live: Sequence[Occupied], waiting: Mapping[str, int]) -> None:
        """Has everybody see this. A list that was told before must not have changed."""
        now = monotonic()
        if live is self._live and waiting == self._waiting and now - self._at < _AGAIN_SECONDS:
            return
        leaves = {leaf: TaskId(run.run_id) for run in live for leaf in run.leaves}
        slots, memory, running = Counter[str](), Counter[str](), Counter[str]()
        for run in live:
            slots[run.queue] += run.slots
            memory[run.queue] += run.memory_mb
            running[run.queue] += 1
        uses = {
            name: QueueUse(slots[name], memory[name], running[name], waiting.get(name, 0))
            for name in running.keys() | {name for name, count in waiting.items() if count}
        }
        report = OccupancyReport(leaves, uses)
        stale = now - self._at >= _AGAIN_SECONDS and report != OccupancyReport()
        if report != self._reported or stale:
            await self._store.write(report)
            self._reported, self._at = report, now
        self._live, self._waiting = live, waiting
