"""Which tasks start when each is one slot: the whole of the scheduler before there were resources.

What the scheduler decides today is held against it, for pictures in which nobody asks for more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from gateway.runner.claims import Claim, Start

__all__ = ["Slots", "choose"]


@dataclass(frozen=True, slots=True)
class Slots:
    """How many runs may live at a time: in all, and of one user. At least one each."""

    total: int
    per_user: int


def choose(claims: Iterable[Claim], slots: Slots, running: int) -> tuple[Start, ...]:
    """Decides what starts, in order, as many as both caps allow.

    ``running`` counts all live runs, also of users without a claim. Ties go to the user whose
    oldest task was there first (identifiers are ordered by time).
    """
    heap: list[tuple[float, str, int, int, Claim]] = [
        (claim.virtual_time, claim.tasks[0], 0, serial, claim)
        for serial, claim in enumerate(claims)
        if claim.tasks and claim.running < slots.per_user
    ]
    heapify(heap)
    starts: list[Start] = []
    while heap and running + len(starts) < slots.total:
        time, task_id, taken, serial, claim = heappop(heap)
        after = time + 1.0 / claim.weight
        starts.append(Start(task_id, claim.owner, after))
        taken += 1
        if taken < len(claim.tasks) and claim.running + taken < slots.per_user:
            heappush(heap, (after, claim.tasks[taken], taken, serial, claim))
    return tuple(starts)
