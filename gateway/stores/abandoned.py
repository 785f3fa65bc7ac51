"""The tasks of a node that was forgotten: nobody will ever say how they went on.

They end as lost, not verified, and their logs with them: what of them is in Redis has no rest any
more.
"""

from __future__ import annotations

from gateway.stores import keys
from gateway.stores.logs import LogStore
from gateway.stores.redis_client import RedisClient
from gateway.stores.tasks import NO_EPOCH, TaskStore
from protocol.tasks import Outcome, Reason, TaskState

__all__ = ["abandon"]

_ACTIVE = tuple(state for state in TaskState if not state.final)
_STEP = 500
_LEFT = (
    *(keys.EXPIRY, keys.FAIR, keys.VIRTUAL, keys.WAITING, keys.WANTING, keys.HELD),
    *(keys.RESERVED, keys.WHY, keys.OCCUPANCY),
)
"""What a node had for itself, but for the number that fences its runners."""


async def abandon(link: RedisClient, node: str, now_ms: int, heir: str = "") -> int:
    """Ends all tasks of a node that were not over; how many. ``link`` has that node's keys.

    What is left of all its tasks goes when their time is over, for which the node ``heir`` looks.
    It may be interrupted and repeated.
    """
    tasks, logs = TaskStore(link), LogStore(link)
    outcome = Outcome(
        Reason.NODE_RESTARTED,
        None,
        None,
        f"node {node} was forgotten: nobody knows how this task ended",
        verified=False,
    )
    ended = offset = 0
    while True:
        found = await tasks.list(None, _ACTIVE, limit=_STEP, offset=offset)
        for task in found:
            if task.node != node:
                offset += 1
                continue
            await logs.drop(task.id)
            await tasks.complete_log(task.id, NO_EPOCH, 0)
            await tasks.advance(task.id, NO_EPOCH, TaskState.LOST, now_ms, outcome)
            ended += 1
        if len(found) < _STEP:
            break
    if heir:
        due = keys.EXPIRY.key(node=heir)
        own = keys.EXPIRY.key(node=node)
        await link.call("ZUNIONSTORE", due, 2, due, own, "AGGREGATE", "MAX")
        await link.call("UNLINK", *(one.key(node=node) for one in _LEFT))
    return ended
