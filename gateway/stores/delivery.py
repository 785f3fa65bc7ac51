"""Which socket is told a task's log, and how far: for dialects that deliver to one at a time."""

from __future__ import annotations

from gateway.stores import keys
from gateway.stores.link import Link
from gateway.stores.replies import items, text
from gateway.stores.scripting import TaskScripts
from protocol.logs import Cursor
from protocol.tasks import TaskId

__all__ = ["TOLD", "DeliveryStore"]

TOLD = Cursor((1 << 53) - 1)
"""The place of a delivery of which the end was told."""


class DeliveryStore:
    """Leases on the delivery of logs.

    Args:
        link: the way to Redis.
        lease_seconds: how long a socket that says nothing keeps its lease.
        keep_seconds: how long a place is remembered after the last delivery.
    """

    def __init__(
        self, link: Link, *, lease_seconds: float = 10.0, keep_seconds: int = 86_400
    ) -> None:
        self._link = link
        self._scripts = TaskScripts(link)
        self._lease_ms = int(lease_seconds * 1000)
        self._keep_ms = keep_seconds * 1000

    async def take(self, task_id: TaskId, socket: str) -> bool:
        """Whether the socket now delivers; False while another does. Repeating it renews."""
        return await self._run(task_id, socket, "take") is not None

    async def mark(self, task_id: TaskId, socket: str, cursor: Cursor) -> bool:
        """Remembers that all before the cursor was told and renews the lease; False if it is lost.

        After False the socket must tell nothing more.
        """
        return await self._run(task_id, socket, "mark", f"{cursor.line}:{cursor.part}") is not None

    async def leave(self, task_id: TaskId, socket: str) -> None:
        """Gives the lease up for the next one; does nothing if it is not the socket's."""
        await self._run(task_id, socket, "leave")

    async def place(self, task_id: TaskId, socket: str) -> Cursor | None:
        """Takes or renews the lease and says where to go on; None while another socket has it."""
        found = await self._run(task_id, socket, "take")
        if found is None:
            return None
        line, _, part = found.partition(":")
        return Cursor(int(line), int(part)) if line.isdigit() and part.isdigit() else Cursor()

    async def finish(self, task_id: TaskId, socket: str) -> bool:
        """Remembers that the end was told; False if the lease is lost."""
        return await self.mark(task_id, socket, TOLD)

    async def begun(self, task_id: TaskId) -> bool:
        """Whether some socket was told a part of it and none the end."""
        place = await self._link.call("GET", keys.DELIVERY.key(task_id))
        return place is not None and text(place) != f"{TOLD.line}:{TOLD.part}"

    async def _run(self, task_id: TaskId, socket: str, verb: str, place: str = "") -> str | None:
        reply = items(
            await self._scripts.run(
                "deliver", task_id, socket, verb, self._lease_ms, place, self._keep_ms
            )
        )
        return text(reply[1] if len(reply) > 1 else None) if reply[0] == b"ok" else None
