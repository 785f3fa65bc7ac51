"""Who has what of the pool, as the runner last said it: a report in Redis that lives for a while.

It is for people to look at. Nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from gateway.stores import keys
from gateway.stores.redis_client import RedisClient
from protocol.tasks import TaskId

__all__ = ["OccupancyReport", "OccupancyStore", "QueueUse"]

_LIFE_MS = 60_000


@dataclass(frozen=True, slots=True)
class QueueUse:
    """What the tasks of a queue have, and how many there are."""

    slots: int = 0
    memory_mb: int = 0
    running: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class OccupancyReport:
    """The whole: tasks by the leaf that they have, and use by queue."""

    leaves: Mapping[int, TaskId] = field(default_factory=dict)
    queues: Mapping[str, QueueUse] = field(default_factory=dict)


class OccupancyStore:
    """The report of a node."""

    def __init__(self, link: RedisClient) -> None:
        self._link = link

    async def write(self, report: OccupancyReport) -> None:
        """Puts a report in the place of the one before."""
        data = msgspec.msgpack.encode(report)
        await self._link.call("SET", self._link.key(keys.OCCUPANCY), data, "PX", _LIFE_MS)

    async def read(self) -> OccupancyReport:
        """The latest report; an empty one if there is none or nobody can read it."""
        data = await self._link.call("GET", self._link.key(keys.OCCUPANCY))
        if not isinstance(data, bytes):
            return OccupancyReport()
        try:
            return msgspec.msgpack.decode(data, type=OccupancyReport)
        except (msgspec.MsgspecError, RecursionError):
            return OccupancyReport()
