"""What stands on the line of a run that has not ended: one short text for each task, in Redis.

A glimpse for those who look on, and no part of the log: it may be lost, and then the line itself
says the same when it ends. Never more than a few KiB, and gone by itself after a while.
"""

from __future__ import annotations

from struct import Struct

from gateway.stores.keys import NOTIFICATIONS, PARTIAL
from gateway.stores.records import expect_ok
from gateway.stores.redis_client import RedisClient
from gateway.stores.replies import items
from gateway.stores.scripting import TaskScripts
from protocol.logs import Line, Stream
from protocol.tasks import TaskId

__all__ = ["PartialStore"]

_HEAD = Struct("<QQQ?")


class PartialStore:
    """The open lines of one node's runs.

    Args:
        link: the way to Redis.
        life_seconds: how long one is kept that does not change.
    """

    def __init__(self, link: RedisClient, *, life_seconds: int = 3600) -> None:
        self._link = link
        self._scripts = TaskScripts(link)
        self._life_ms = life_seconds * 1000

    async def show(self, task_id: TaskId, epoch: int, line: Line) -> None:
        """Puts a text in place of the last one and notifies.

        Raises:
            StaleEpoch: another runner took over.
        """
        head = _HEAD.pack(line.number, line.part, line.time_ms, line.stream is Stream.ERR)
        reply = items(
            await self._scripts.run(
                "partial",
                id=task_id,
                epoch=epoch,
                text=head + line.data,
                life=self._life_ms,
                channel=NOTIFICATIONS,
            )
        )
        expect_ok(reply)

    async def read(self, task_id: TaskId) -> Line | None:
        """The last text that was shown, None if there is none. Its line may have ended since."""
        value = await self._link.call("GET", PARTIAL.key(task_id))
        if not isinstance(value, bytes) or len(value) < _HEAD.size:
            return None
        number, part, time_ms, errors = _HEAD.unpack_from(value)
        stream = Stream.ERR if errors else Stream.OUT
        return Line(number, time_ms, stream, value[_HEAD.size :], part)
