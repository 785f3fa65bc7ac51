"""Which waiting tasks start now: weighted fair between users, first come first served within one.

Pure: it sees a picture of the queue and answers with starts. It must never look at a clock, at
Redis or at a process, and the same picture always gets the same answer.

Every user has a virtual time, which grows by one over the user's weight with each start. The
waiting user with the smallest one is next. Who comes back after a pause joins at the time of the
latest start; the queue sees to that, so that nobody saves up a lead while idle.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

__all__ = ["Claim", "Slots", "Start", "choose"]


@dataclass(frozen=True, slots=True)
class Slots:
    """How many runs may live at a time: in all, and of one user. At least one each."""

    total: int
    per_user: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One user's place in the picture: what waits (oldest first), what runs, what was had.

    ``weight`` is how many starts the user gets for each one of a user of weight 1.
    """

    owner: str
    tasks: tuple[str, ...]
    running: int = 0
    virtual_time: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Start:
    """A task to start now, and the virtual time that its owner has from then on."""

    task_id: str
    owner: str
    virtual_time: float


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
