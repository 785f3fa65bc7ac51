"""From the queue to live runs: asks the scheduler and takes what it chose.

What lives is counted here and not in Redis: a count that was lost or is stale there must never let
a cap be passed. Only the heads of the queue are ever loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from gateway.clock import now_ms
from gateway.ids import is_task_id
from gateway.journal import journal
from gateway.runner.node import Node
from gateway.runner.roster import Live
from gateway.runner.scheduler import Claim, Slots, Start, choose
from gateway.stores.queue import Waiting
from protocol.errors import GatewayError, Kind
from protocol.tasks import Outcome, Reason, TaskId, TaskState

__all__ = ["Admission"]

_LOOK_SECONDS = 1.0
_journal = journal(__name__)


class Admission:
    """Starts waiting tasks while there are slots.

    ``begin`` takes a run in and looks after it; ``doubt`` hears of a task of which nobody knows
    whether it still waits.
    """

    def __init__(
        self, node: Node, begin: Callable[[Live], bool], doubt: Callable[[str], None]
    ) -> None:
        self._node = node
        self._begin = begin
        self._doubt = doubt
        settings = node.config.runner
        self._slots = Slots(settings.running_total, settings.running_per_user)
        # Of the users first in turn some are at their cap: at most so many can be.
        self._users = 2 * self._slots.total // self._slots.per_user + 1
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """The queue changed, or a slot became free."""
        self._rung.set()

    async def run(self) -> None:
        """Looks at the queue at every ring, and every second without one."""
        while True:
            self._rung.clear()
            more = False
            try:
                more = await self.look()
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE:
                    raise
            if not more:
                await _rings(self._rung, _LOOK_SECONDS)

    async def look(self) -> bool:
        """Starts what may start now; whether it is worth looking again at once."""
        node = self._node
        free = self._slots.total - len(node.roster)
        if free <= 0:
            return False
        each = min(free, self._slots.per_user)
        heads = await node.queue.heads(self._users, each)
        chosen = choose(map(self._claim, heads), self._slots, len(node.roster))
        # Those that go well are waited for as well: the next look must not meet them half-way.
        for outcome in await asyncio.gather(*map(self._take, chosen), return_exceptions=True):
            if outcome is not None:
                raise outcome
        # If all that waits was seen and chosen there is nothing else until somebody rings.
        cut = len(heads) >= self._users or any(len(head.tasks) >= each for head in heads)
        return bool(chosen) and (cut or len(chosen) < sum(len(head.tasks) for head in heads))

    def _claim(self, head: Waiting) -> Claim:
        roster = self._node.roster
        return Claim(
            head.owner, head.tasks, roster.running(head.owner), head.virtual_time, head.weight
        )

    async def _take(self, start: Start) -> None:
        node = self._node
        task_id = TaskId(start.task_id)
        try:
            taken = await node.queue.take(
                task_id, start.owner, start.virtual_time, epoch=node.epoch
            )
        except GatewayError:
            # It may have left the queue for all that is known here.
            self._doubt(task_id)
            raise
        if not taken:
            return
        run = None
        if is_task_id(task_id):  # a foreign writer may have queued anything
            run = node.spool.find(task_id)  # made a moment ago: its entry is in memory
        if run is None:
            await self._miss(task_id, start.owner)
        else:
            self._begin(Live(task_id, start.owner, run))

    async def _miss(self, task_id: TaskId, owner: str) -> None:
        """A task without a run directory: what was accepted is gone from the disk."""
        node = self._node
        _journal.error("run directory is missing", run=task_id)
        outcome = Outcome(Reason.START_FAILED, None, None, "the run directory is missing")
        try:
            await node.tasks.advance(task_id, node.epoch, TaskState.LOST, now_ms(), outcome)
        except GatewayError as error:
            if error.kind not in (Kind.NOT_FOUND, Kind.GONE):
                raise
        await node.queue.release(task_id, owner, epoch=node.epoch)


async def _rings(event: asyncio.Event, seconds: float) -> None:
    """Waits for an event, but no longer than that."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
