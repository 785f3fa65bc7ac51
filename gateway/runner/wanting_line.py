"""The waiting tasks that ask for more than a slot, as claims.

What a task needs never changes, so it is asked for once. Tasks of one user that need the same are
one claim: of ten thousand alike the scheduler sees one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.runner.claims import Claim
from gateway.runner.node import Node
from gateway.stores.demand import Demand
from gateway.stores.queue import Needs
from protocol.errors import GatewayError, Kind
from protocol.resources import DEFAULT_QUEUE, Wants
from protocol.tasks import ById, TaskId

__all__ = ["WantingLine"]

_PLAIN = Wants()
_MOST = 10_000
"""The oldest waiting tasks that are looked at."""
_MOST_AWAITED = 2_000
"""Tasks that others wait for, looked at in one go."""


@dataclass(slots=True)
class _Seen:
    """What is known of the line: needs by task, and which awaited tasks have ended."""

    needs: dict[TaskId, Needs] = field(default_factory=dict)
    ended: set[TaskId] = field(default_factory=set)


class WantingLine:
    """The line as claims, and why some of it makes none.

    Args:
        node: the stores.
        doubt: hears of a task whose needs nobody can read.
    """

    def __init__(self, node: Node, doubt: Callable[[str], None]) -> None:
        self._node = node
        self._doubt = doubt
        self._seen = _Seen()
        self._gangs: dict[str, list[TaskId]] = {}

    def parts_of(self, unit: str) -> list[tuple[TaskId, Demand]]:
        """The tasks of the last look that a claim's unit stands for, with what they need."""
        ids = self._gangs.get(unit) or [TaskId(unit)]
        found = ((one, self._seen.needs.get(one)) for one in ids)
        return [(one, needs.demand) for one, needs in found if needs is not None]

    def by_queue(self) -> Counter[str]:
        """How many tasks of the last look wait in each queue."""
        return Counter(
            need.demand.wants.queue if need.demand.wants else DEFAULT_QUEUE
            for need in self._seen.needs.values()
        )

    async def claims(self, slots: Mapping[str, int]) -> tuple[list[Claim], dict[str, str]]:
        """The claims of all that may start as far as it is up to them, and why others wait."""
        queue, seen = self._node.queue, self._seen
        ids = await queue.wanting(_MOST)
        fresh = [one for one in ids if one not in seen.needs]
        known = {one: seen.needs[one] for one in ids if one in seen.needs}
        seen.needs = known | await queue.demands(fresh)
        for one in fresh:
            if one not in seen.needs:
                self._doubt(one)
        waiting = [one for one in ids if one in seen.needs]
        await self._look_at_awaited(waiting)
        reasons: dict[str, str] = {}
        alike: dict[tuple[str, bytes], list[TaskId]] = {}
        self._gangs = {}
        for one in waiting:
            owner, demand, data = seen.needs[one]
            if demand.after and not seen.ended.issuperset(demand.after):
                reasons[one] = "it waits for another task to end"
                continue
            if demand.gang:
                if demand.gang in self._node.occupancy.gangs:
                    self._gangs.setdefault(demand.gang, []).append(one)
                else:
                    reasons[one] = "it waits for the others of its group"
                continue
            alike.setdefault((owner, data), []).append(one)
        whose = {gang: seen.needs[ids[0]].owner for gang, ids in self._gangs.items()}
        owners = sorted({*(owner for owner, _ in alike), *whose.values()})
        turns = await queue.turns(owners)
        claims = [
            Claim(
                owner,
                tuple(tasks),
                slots.get(owner, 0),
                turns[owner],
                queue.weight(owner),
                wants=seen.needs[tasks[0]].demand.wants,
                seconds=seen.needs[tasks[0]].demand.seconds,
                start_at_ms=seen.needs[tasks[0]].demand.start_at_ms,
            )
            for (owner, _), tasks in alike.items()
        ]
        together = [
            Claim(
                whose[gang],
                (gang,),
                slots.get(whose[gang], 0),
                turns[whose[gang]],
                queue.weight(whose[gang]),
                members=tuple(seen.needs[one].demand.wants or _PLAIN for one in members),
            )
            for gang, members in self._gangs.items()
        ]
        return claims + together, reasons

    async def _look_at_awaited(self, waiting: Sequence[TaskId]) -> None:
        """Finds out which of the tasks that others wait for have ended; that never changes."""
        seen, live = self._seen, self._node.live_runs
        awaited = {after for one in waiting for after in seen.needs[one].demand.after}
        seen.ended &= awaited
        unsure = sorted(one for one in awaited - seen.ended if one not in live)
        if unsure:
            spool = self._node.spool
            ended = await asyncio.to_thread(
                lambda: [one for one in unsure[:_MOST_AWAITED] if spool.runs.has_ended(one)]
            )
            if self._node.homes is not None:
                ended = [one for one in ended if await self._has_ended(one)]
            seen.ended.update(ended)

    async def _has_ended(self, task_id: TaskId) -> bool:
        """Whether a task that is not on this disk has ended: it may be another node's."""
        try:
            return (await self._node.tasks.read(ById(task_id))).state.final
        except GatewayError as error:
            if error.kind in {Kind.NOT_FOUND, Kind.GONE}:
                return True
            raise
