"""The waiting tasks of a node, by owner, and which of them run.

Who starts next is decided elsewhere, by a pure function over ``heads``. The order of owners is
their virtual time; an owner who comes back starts at the queue's clock, so that neither having
been away nor having used much gives a claim for later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.stores import keys
from gateway.stores.link import Link
from gateway.stores.records import refuse
from gateway.stores.replies import broken, integer, items, text
from gateway.stores.scripting import TaskScripts
from protocol.tasks import TaskId

__all__ = ["Counts", "TaskQueue", "Waiting"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One owner in turn: ``tasks`` are their first waiting ones, ``running`` how many they run.

    ``virtual_time`` is how much service they had, divided by their ``weight``.
    """

    owner: str
    weight: float
    virtual_time: float
    running: int
    tasks: tuple[TaskId, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tasks of an owner and of everybody wait and run, and how many owners wait."""

    waiting: int
    running: int
    waiting_in_all: int
    running_in_all: int = 0
    owners_waiting: int = 0


class TaskQueue:
    """The queue of a node.

    Args:
        link: the way to Redis.
        weights: the share of each user; 1 for those not named.
    """

    def __init__(self, link: Link, *, weights: Mapping[str, float] | None = None) -> None:
        self._link = link
        self._scripts = TaskScripts(link)
        self._weights = dict(weights or {})

    async def heads(self, users: int, per_user: int) -> list[Waiting]:
        """The first tasks of the owners with the least virtual time, in the order of it."""
        reply = await self._scripts.run("heads", users, per_user)
        return [self._waiting(items(head)) for head in items(reply)]

    async def take(self, task_id: TaskId, owner: str, virtual_time: float, *, epoch: int) -> bool:
        """Moves a task from waiting to running; False if it does not wait.

        ``virtual_time`` is the owner's from now on. Raises StaleEpoch.
        """
        reply = items(
            await self._scripts.run("take", task_id, owner, repr(float(virtual_time)), epoch)
        )
        match text(reply[0]):
            case "taken":
                return True
            case "missing":
                return False
            case status:
                raise refuse(status, reply)

    async def release(self, task_id: TaskId, owner: str, *, epoch: int) -> None:
        """A taken task runs no longer; its final state does the same. Raises StaleEpoch."""
        reply = items(await self._scripts.run("release", task_id, owner, epoch))
        if reply[0] != b"ok":
            raise refuse(text(reply[0]), reply)

    async def ahead(self, task_id: TaskId) -> int:
        """How many tasks were queued before this one and still wait; 0 if it does not wait."""
        return integer(await self._link.call("ZRANK", keys.WAITING.key(), task_id))

    async def running(self, owner: str) -> frozenset[TaskId]:
        """The tasks of an owner that were taken and are not final."""
        reply = await self._link.call("SMEMBERS", keys.RUNNING.key(owner))
        return frozenset(TaskId(text(item)) for item in items(reply))

    async def counts(self, owner: str) -> Counts:
        """How full the queue is."""
        reply = items(await self._scripts.run("counts", owner))
        return Counts(*map(integer, reply))

    def _waiting(self, head: list[object]) -> Waiting:
        owner = text(head[0])
        try:
            virtual_time = float(text(head[1]))
        except ValueError as error:
            raise broken() from error
        return Waiting(
            owner=owner,
            weight=self._weights.get(owner, 1.0),
            virtual_time=virtual_time,
            running=integer(head[2]),
            tasks=tuple(TaskId(text(item)) for item in head[3:]),
        )
