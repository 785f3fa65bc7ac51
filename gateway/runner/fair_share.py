"""The plan where every task takes one leaf, whichever: only users are to be weighed.

Pure. It is what the scheduler says of such a picture too, at a fraction of the cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush

from gateway.runner.claims import Claim, Plan, Start
from gateway.runner.leaf_keeper import Bounds, Occupied
from protocol.placement import Pool
from protocol.resources import DEFAULT_QUEUE, Queue, QueueStatus

__all__ = ["fair_plan", "is_plain"]


def is_plain(
    claims: Sequence[Claim], live: Sequence[Occupied], queues: Mapping[str, Queue]
) -> bool:
    """Whether every claim is one leaf of one queue, and each another user's."""
    queue = queues.get(DEFAULT_QUEUE)
    return (
        queue is not None
        and queue.status is QueueStatus.RUNNING
        and queue.ceiling >= 100  # noqa: PLR2004 - percent
        and not any(claim.wants or claim.members or claim.start_at_ms for claim in claims)
        and len({claim.owner for claim in claims}) == len(claims)
        and not any(run.preemptible for run in live)
    )


def fair_plan(
    claims: Sequence[Claim], pool: Pool, live: Sequence[Occupied], bounds: Bounds
) -> Plan:
    """The plan if every task takes one leaf, whichever: the whole of it for most gateways."""
    taken = {leaf for run in live for leaf in run.leaves}
    left = len(pool.alive - taken) - sum(1 for run in live if not run.leaves)
    heap = [
        (claim.virtual_time, claim.tasks[0], 0, serial)
        for serial, claim in enumerate(claims)
        if claim.tasks and claim.running < bounds.per_user
    ]
    heapify(heap)
    chosen: list[tuple[str, str, float]] = []
    begun = [0] * len(claims)
    while heap and len(chosen) < left:
        time, task_id, count, serial = heappop(heap)
        claim = claims[serial]
        after = time + 1.0 / claim.weight
        chosen.append((task_id, claim.owner, after))
        begun[serial] = count = count + 1
        if count < len(claim.tasks) and claim.running + count < bounds.per_user:
            heappush(heap, (after, claim.tasks[count], count, serial))
    free = sorted(pool.alive - taken, reverse=True) if chosen else []
    starts = tuple(
        Start(task_id, owner, after, ((leaf,),))
        for (task_id, owner, after), leaf in zip(chosen, free, strict=False)
    )
    reasons: dict[str, str] = {}
    for claim, count in zip(claims, begun, strict=True):
        if count < len(claim.tasks):
            spent = claim.running + count >= bounds.per_user
            reasons[claim.tasks[0]] = (
                f"user {claim.owner} runs {bounds.per_user} tasks already"
                if spent
                else f"all {len(pool.alive)} slots are taken"
            )
    return Plan(starts, (), reasons)
