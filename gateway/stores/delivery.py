"""Which socket is told a task's log, and how far: for dialects that deliver to one at a time."""

from __future__ import annotations

from gateway.stores import keys
from gateway.stores.redis_client import RedisClient
from gateway.stores.replies import items, text
from gateway.stores.scripting import TaskScripts
from protocol.logs import Cursor
from protocol.tasks import TaskId

__all__ = ["DELIVERED_ALL", "NOTHING", "DeliveryStore"]

NOTHING = Cursor(0)
"""The place of a delivery of which nothing is known to have arrived, not even the answer."""

DELIVERED_ALL = Cursor((1 << 53) - 1)
"""The place of a delivery of which the end was told."""


class DeliveryStore:
    """Leases on the delivery of logs.

    Args:
        link: the way to Redis.
        lease_seconds: how long a socket that says nothing keeps its lease.
        keep_seconds: how long a place is remembered after the last delivery.
    """

    def __init__(
        self, link: RedisClient, *, lease_seconds: float = 10.0, keep_seconds: int = 86_400
    ) -> None:
        self._link = link
        self._scripts = TaskScripts(link)
        self._lease_ms = int(lease_seconds * 1000)
        self._keep_ms = keep_seconds * 1000

    async def take(self, task_id: TaskId, socket: str) -> bool:
        """Whether the socket now delivers; False while another does. Repeating it renews."""
        return await self.place(task_id, socket) is not None

    async def mark(self, task_id: TaskId, socket: str, cursor: Cursor) -> bool:
        """Remembers that all before the cursor arrived and renews the lease; False if it is lost.

        After False the socket must tell nothing more.
        """
        return await self._run(task_id, socket, "mark", _text(cursor)) is not None

    async def leave(self, task_id: TaskId, socket: str, cursor: Cursor | None = None) -> None:
        """Gives the lease up for the next one; does nothing if another socket has it.

        With a cursor it is remembered first that all before it arrived.
        """
        await self._run(task_id, socket, "leave", _text(cursor) if cursor is not None else "")

    async def place(self, task_id: TaskId, socket: str) -> Cursor | None:
        """Takes or renews the lease and says where to go on; None while another socket has it.

        From then on it is known that a socket was told of the task, or is to be.
        """
        found = await self._run(task_id, socket, "take", _text(NOTHING))
        if found is None:
            return None
        line, _, part = found.partition(":")
        return Cursor(int(line), int(part)) if line.isdigit() and part.isdigit() else NOTHING

    async def finish(self, task_id: TaskId, socket: str) -> bool:
        """Remembers that the end was told; False if the lease is lost."""
        return await self.mark(task_id, socket, DELIVERED_ALL)

    async def begun(self, task_id: TaskId, *, or_never: bool = False) -> bool:
        """Whether some socket was told a part of it and none the end; or if none was ever told."""
        place = await self._link.call("GET", keys.DELIVERY.key(task_id))
        if place is None:
            return or_never
        return text(place) != _text(DELIVERED_ALL)

    async def _run(self, task_id: TaskId, socket: str, verb: str, place: str) -> str | None:
        reply = items(
            await self._scripts.run(
                "deliver",
                id=task_id,
                socket=socket,
                action=verb,
                lease_life=self._lease_ms,
                cursor=place,
                cursor_life=self._keep_ms,
            )
        )
        return text(reply[1] if len(reply) > 1 else None) if reply[0] == b"ok" else None


def _text(cursor: Cursor) -> str:
    return f"{cursor.line}:{cursor.part}"
