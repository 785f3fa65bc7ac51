"""Takes what the scheduler chose: out of the queue, on record, and into the live runs.

What a task is given is stated in its run directory before anything of it can start, so that a later
runner finds it there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from gateway.clock import now_ms
from gateway.ids import is_task_id
from gateway.journal import journal
from gateway.runner.claims import Claim, Start
from gateway.runner.live_runs import LiveRun
from gateway.runner.node import Node
from gateway.runner.ports import find_ports
from gateway.runner.run.classify_exit import DEAD_LEAF, PREEMPTED
from gateway.runner.run.placed_order import placed_allotment
from gateway.runner.run.placing import PlacedRuns
from gateway.stores.allotment import Allotment, write_allotment
from gateway.stores.demand import Demand
from gateway.stores.queue import Turn
from protocol.errors import GatewayError, Kind
from protocol.resources import Leaf, LeafState, Wants
from protocol.tasks import Outcome, Reason, TaskId, TaskState

__all__ = ["Starter", "taken_ports"]

_NO_PORTS = "it needs ports that are not free"
_PLAIN = Wants()

_journal = journal(__name__)


class Starter:
    """Starts runs and ends those that are in their way.

    ``begin`` takes a run in and looks after it; ``doubt`` hears of a task of which nobody knows
    whether it still waits.
    """

    def __init__(
        self, node: Node, begin: Callable[[LiveRun], bool], doubt: Callable[[str], None]
    ) -> None:
        self._node = node
        self._begin = begin
        self._doubt = doubt

    async def start(
        self, starts: Sequence[Start], parts_of: Callable[[str], list[tuple[TaskId, Demand]]]
    ) -> dict[str, str]:
        """Takes the tasks in; why some of them wait all the same.

        ``parts_of`` tells which tasks a start stands for and what they need; none is the task
        itself, which needs nothing but its slot.
        """
        plain = [start for start in starts if not parts_of(start.task_id)]
        ids = [TaskId(one.task_id) for one in plain]
        taken = await self._claim(list(zip(ids, plain, strict=True)))
        # Those that go well are waited for as well: the next look must not meet them half-way.
        work = [
            self._enter(task_id, one, one.leaves[0], None)
            for task_id, one, is_ours in zip(ids, plain, taken, strict=True)
            if is_ours
        ]
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            if outcome is not None:
                raise outcome
        reasons: dict[str, str] = {}
        for start in starts:
            parts = parts_of(start.task_id)
            for (task_id, need), leaves in zip(parts, start.leaves, strict=False):
                allotment = await self._allotted(need.wants or _PLAIN, start, leaves)
                if allotment is None:
                    reasons[task_id] = _NO_PORTS
                elif any(await self._claim([(task_id, start)])):
                    await self._enter(task_id, start, leaves, allotment)
        return reasons

    async def hand_over(
        self,
        claims: Sequence[Claim],
        parts_of: Callable[[str], list[tuple[TaskId, Demand]]],
        places: PlacedRuns,
    ) -> dict[str, str]:
        """Takes in tasks that go to a place and need no slot; why some of them wait here."""
        reasons: dict[str, str] = {}
        room, users = places.room()
        for claim in claims:
            if claim.start_at_ms > self._node.clock_guard.now_ms():
                reasons |= dict.fromkeys(claim.tasks, "its start is booked for later")
                continue
            for parts in map(parts_of, claim.tasks):
                if room < len(parts) or users[claim.owner] + len(parts) > places.per_user:
                    full = f"as many tasks as may be are handed over to {places.name}"
                    reasons |= {task_id: full for task_id, _ in parts}
                    continue
                room -= len(parts)
                users[claim.owner] += len(parts)
                for task_id, need in parts:
                    start = Start(task_id, claim.owner, claim.virtual_time)
                    given = placed_allotment(need.wants or _PLAIN, now_ms())
                    if any(await self._claim([(task_id, start)])):
                        await self._enter(task_id, start, (), given, placed=True)
        return reasons

    async def preempt(self, run_id: str) -> None:
        """Has a run ended for another one."""
        node = self._node
        live = node.live_runs.find(run_id)
        if live is None:
            return
        _journal.info("run is preempted", run=run_id)
        await end_run(node, live, PREEMPTED)

    async def end_on_dead_leaves(self) -> None:
        """Has the runs ended of which a leaf is dead."""
        for live in self._node.occupancy.on_dead_leaves():
            if not live.ending:
                _journal.warning("run is ended: a leaf of it is dead", run=live.run_id)
                await end_run(self._node, live, DEAD_LEAF)

    async def _allotted(
        self, wants: Wants, start: Start, leaves: Iterable[int]
    ) -> Allotment | None:
        """What a task gets, None if its ports are not free."""
        ports = {}
        if wants.ports:
            span, taken = self._node.config.runner.ports, taken_ports(self._node)
            found = await asyncio.to_thread(find_ports, wants.ports, taken, span)
            if found is None:
                return None
            ports = found
        known = self._node.occupancy.pool.leaves
        return Allotment(
            tuple(known.get(one, Leaf(one, LeafState.ABSENT)) for one in leaves),
            wants.queue,
            wants.memory_mb,
            wants.preemptible,
            start.seconds,
            ports,
            now_ms(),
        )

    async def _claim(self, wanted: Sequence[tuple[TaskId, Start]]) -> list[bool]:
        """Takes tasks out of the queue; which of them were still there."""
        node = self._node
        turns = [Turn(task_id, start.owner, start.virtual_time) for task_id, start in wanted]
        try:
            return await node.queue.take_all(turns, epoch=node.epoch)
        except GatewayError:
            # They may have left the queue for all that is known here.
            for task_id, _ in wanted:
                self._doubt(task_id)
            raise

    async def _enter(
        self,
        task_id: TaskId,
        start: Start,
        leaves: Iterable[int],
        allotment: Allotment | None,
        *,
        placed: bool = False,
    ) -> None:
        """Begins to look after a task that was taken out of the queue."""
        node = self._node
        run = None
        if is_task_id(task_id):  # a foreign writer may have queued anything
            run = node.spool.find(task_id)  # made a moment ago: its entry is in memory
        if run is None:
            await self._miss(task_id, start.owner)
            return
        live = LiveRun(task_id, start.owner, run, placed=placed)
        if allotment is not None:
            try:
                await asyncio.to_thread(write_allotment, run, allotment)
            except OSError as error:
                self._doubt(task_id)
                raise GatewayError(Kind.UNAVAILABLE, "the disk refuses at the moment") from error
        if not placed:
            node.occupancy.give(live, allotment, leaves)
        self._begin(live)

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


def taken_ports(node: Node) -> set[int]:
    """The ports that live runs and live groups have."""
    taken = {port for ports in node.occupancy.group_ports.values() for port in ports}
    for live in node.live_runs:
        if live.allotment is not None:
            taken.update(port for ports in live.allotment.ports.values() for port in ports)
    return taken


async def end_run(node: Node, live: LiveRun, who: str) -> None:
    """Asks for the kill of a live run for a reason of the runner's own."""
    await node.spool.request_kill(TaskId(live.run_id), node.config.runner.grace_seconds, who)
    live.look()
    live.notified.set()
