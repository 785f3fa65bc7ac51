"""From the queue to live runs: asks the scheduler and takes what it chose.

What lives is counted here and not in Redis: a count that was lost or is stale there must never let
a cap be passed. Of tasks that are one slot each only the heads of the queue are ever loaded.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from gateway.clock import monotonic
from gateway.runner.claims import Claim, Plan
from gateway.runner.leaf_keeper import Occupied
from gateway.runner.live_runs import LiveRun
from gateway.runner.node import Node
from gateway.runner.occupancy_board import OccupancyBoard
from gateway.runner.reason_board import ReasonBoard
from gateway.runner.run.placing import PlacedRuns
from gateway.runner.scheduler import plan
from gateway.runner.starter import Starter
from gateway.runner.wanting_line import WantingLine
from gateway.stores.queue import Waiting
from protocol.errors import GatewayError, Kind
from protocol.resources import DEFAULT_QUEUE

__all__ = ["QueueConsumer"]

_LONG_SECONDS = 0.05
_MANY = 200
"""Claims that take a moment to weigh: that happens beside everything else."""
_POLL_SECONDS = 1.0


class QueueConsumer:
    """Starts waiting tasks while there are slots.

    ``begin`` takes a run in and looks after it; ``doubt`` hears of a task of which nobody knows
    whether it still waits. Tasks of its queues go to ``places``, None if there is none.
    """

    def __init__(
        self,
        node: Node,
        begin: Callable[[LiveRun], bool],
        doubt: Callable[[str], None],
        places: PlacedRuns | None = None,
    ) -> None:
        self._node = node
        self._places = places
        self._notified = asyncio.Event()
        self._line = WantingLine(node, doubt)
        self._starter = Starter(node, begin, doubt)
        self._board = ReasonBoard(node.queue, node.epoch)
        self._occupancy_board = OccupancyBoard(node.occupancy_store)
        # Whether there may be more to decide about than who gets the next slot.
        self._wanting = True
        self._reported = 0.0
        self._whole = 0.0

    def notify(self, *, wanting: bool = False) -> None:
        """The queue changed, or a slot became free; ``wanting`` if for who asks for more."""
        self._wanting = self._wanting or wanting
        self._notified.set()

    async def run(self) -> None:
        """Looks at the queue at every notification, and every second without one."""
        while True:
            self._notified.clear()
            more, begun = False, monotonic()
            try:
                if begun - self._whole >= _POLL_SECONDS:
                    # Also if notifications come all the time: then nobody is told by waiting in
                    # vain.
                    self._whole, self._wanting = begun, True
                    await self._starter.end_on_dead_leaves()
                more = await self.look()
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE:
                    raise
            if more:
                continue
            took = monotonic() - begun
            if took > _LONG_SECONDS:
                await asyncio.sleep(took)  # of a long line half of the time is everybody else's
            await _wait_for(self._notified, _POLL_SECONDS)

    async def look(self) -> bool:
        """Starts what may start now; whether it is worth looking again at once."""
        node = self._node
        occupancy = node.occupancy
        pool, live = occupancy.pool, occupancy.occupied()
        slots = occupancy.slots()
        free = len(pool.alive) - slots.total()
        if free <= 0 and not self._wanting:
            return False
        per_user = occupancy.bounds.per_user
        each = max(min(free, per_user), 1)
        # Of the users first in turn some are at their cap: at most so many can be.
        users = 2 * len(pool.alive) // per_user + 1
        waiting, alike, heads = await node.queue.look(users, each)
        self._wanting = waiting > 0
        claims = [self._claim(head, slots[head.owner]) for head in heads]
        reasons: dict[str, str] = {}
        if waiting:
            more, reasons = await self._line.claims(slots)
            left, why = await self._hand_over(more)
            claims += left
            reasons |= why
        decided = await self._decided(claims, live) if claims else Plan()
        for run_id in decided.preemptions:
            await self._starter.preempt(run_id)
        reasons |= await self._starter.start(decided.starts, self._line.parts_of)
        if waiting or monotonic() - self._reported >= _POLL_SECONDS:
            self._reported = monotonic()
            elsewhere = self._places.reasons() if self._places is not None else {}
            await self._board.tell(self._by_task(claims, decided.reasons) | reasons | elsewhere)
            lines = self._line.by_queue() if waiting else Counter[str]()
            lines[DEFAULT_QUEUE] += alike
            await self._occupancy_board.tell(occupancy.occupied(), lines)
        # If all that waits was seen and chosen there is nothing else until somebody notifies.
        cut = len(heads) >= users or any(len(head.tasks) >= each for head in heads)
        seen = sum(len(claim.tasks) for claim in claims)
        return bool(decided.starts) and not reasons and (cut or len(decided.starts) < seen)

    async def _hand_over(self, claims: list[Claim]) -> tuple[list[Claim], dict[str, str]]:
        """Hands over what is for a place: what is left for here, and why some of it waits.

        A group of which a part is for the place goes there as well.
        """
        places = self._places
        if places is None:
            return claims, {}
        placed: list[Claim] = []
        left: list[Claim] = []
        for claim in claims:
            needs = claim.members or (claim.need,)
            (placed if any(places.takes(need.queue) for need in needs) else left).append(claim)
        if not placed:
            return left, {}
        return left, await self._starter.hand_over(placed, self._line.parts_of, places)

    async def _decided(self, claims: Sequence[Claim], live: Sequence[Occupied]) -> Plan:
        """The plan; a large picture is weighed beside everything else."""
        held, now_ms = self._node.occupancy, self._node.clock_guard.now_ms()
        picture = (claims, held.pool, live, held.queues, held.bounds, now_ms)
        if len(claims) > _MANY:
            return await asyncio.to_thread(plan, *picture)
        return plan(*picture)

    def _by_task(self, claims: Iterable[Claim], reasons: Mapping[str, str]) -> dict[str, str]:
        """What is told of each task, and of each user whose tasks are one slot each."""
        reported: dict[str, str] = {}
        for claim in claims:
            reason = reasons.get(claim.tasks[0])
            if reason is None:
                continue
            if claim.members:
                reported |= {task_id: reason for task_id, _ in self._line.parts_of(claim.tasks[0])}
            elif claim.wants is None and not claim.start_at_ms:
                reported[f"@{claim.owner}"] = reason
            else:
                reported |= dict.fromkeys(claim.tasks, reason)
        return reported

    def _claim(self, head: Waiting, slots: int) -> Claim:
        return Claim(
            head.owner,
            head.tasks,
            slots,
            head.virtual_time,
            head.weight,
            seconds=self._node.config.runner.seconds,
        )


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    """Waits for an event, but no longer than that."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
