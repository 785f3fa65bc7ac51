"""The waiting tasks of a node, by owner, and which of them run.

Who starts next is decided elsewhere, by a pure function over ``heads``. The order of owners is
their virtual time; an owner who comes back starts at the queue's clock, so that neither having
been away nor having used much gives a claim for later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.stores import keys
from gateway.stores.demand import Demand, decode_demand
from gateway.stores.records import expect_ok, refuse
from gateway.stores.redis_client import RedisClient
from gateway.stores.replies import broken, integer, items, text
from gateway.stores.scripting import TaskScripts
from protocol.tasks import TaskId

__all__ = ["Counts", "Look", "Needs", "TaskQueue", "Turn", "Waiting"]

_STEP = 500
_CLAIMS = 100


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


class Needs(NamedTuple):
    """Whose a task is and what it needs; ``data`` is the same for tasks that need the same."""

    owner: str
    demand: Demand
    data: bytes


class Turn(NamedTuple):
    """A task whose turn it is: whose it is, and their virtual time from then on."""

    task_id: TaskId
    owner: str
    time: float


class Look(NamedTuple):
    """What waits: how many ask for more than a slot, how many do not, and the heads of these."""

    wanting: int
    plain: int
    heads: list[Waiting]


class TaskQueue:
    """The queue of a node.

    Args:
        link: the way to Redis.
        weights: the share of each user; 1 for those not named.
    """

    def __init__(self, link: RedisClient, *, weights: Mapping[str, float] | None = None) -> None:
        self._link = link
        self._scripts = TaskScripts(link)
        self._weights = dict(weights or {})

    async def heads(self, users: int, per_user: int) -> list[Waiting]:
        """The first tasks of the owners with the least virtual time, in the order of it."""
        return (await self.look(users, per_user)).heads

    async def look(self, users: int, per_user: int) -> Look:
        """The heads, and how many tasks wait in the line of those that ask for more."""
        wanting, plain, *heads = items(await self._scripts.run("heads", most=users, each=per_user))
        found = [self._waiting(items(head)) for head in heads]
        return Look(integer(wanting), integer(plain), found)

    async def wanting(self, most: int) -> list[TaskId]:
        """The oldest tasks that wait and ask for more than a slot of the default queue."""
        return [TaskId(text(one)) for one in items(await self._scripts.run("wanting", most=most))]

    async def demands(self, ids: Sequence[TaskId]) -> dict[TaskId, Needs]:
        """Whose some tasks are and what they need; those that nobody can know are left out."""
        found = {}
        for start in range(0, len(ids), _STEP):
            step = ids[start : start + _STEP]
            reply = items(await self._scripts.run("demands", *step))
            for at, task_id in enumerate(step):
                owner, data = reply[2 * at], reply[2 * at + 1]
                demand = decode_demand(data)
                if owner is not None and demand is not None and isinstance(data, bytes):
                    found[task_id] = Needs(text(owner), demand, data)
        return found

    async def turns(self, owners: Sequence[str]) -> dict[str, float]:
        """The virtual times of owners as they stand if they are weighed now."""
        reply = items(await self._scripts.run("turns", *owners)) if owners else []
        return {owner: _time(one) for owner, one in zip(owners, reply, strict=True)}

    def weight(self, owner: str) -> float:
        """The share of a user."""
        return self._weights.get(owner, 1.0)

    async def explain(
        self, reasons: Mapping[str, str], *, epoch: int, seconds: float, afresh: bool
    ) -> None:
        """Says why tasks wait: by task id, or by ``@`` and an owner for all others of theirs.

        An empty reason takes one away. ``afresh`` forgets all that is not said now. Raises
        StaleEpoch.
        """
        reported = [word for pair in reasons.items() for word in pair]
        life = int(seconds * 1000)
        reply = await self._scripts.run(
            "explain", *reported, epoch=epoch, life=life, afresh=int(afresh)
        )
        expect_ok(items(reply))

    async def take(self, task_id: TaskId, owner: str, virtual_time: float, *, epoch: int) -> bool:
        """Moves a task from waiting to running; False if it does not wait.

        ``virtual_time`` is the owner's from now on. Raises StaleEpoch.
        """
        return (await self.take_all([Turn(task_id, owner, virtual_time)], epoch=epoch))[0]

    async def take_all(self, turns: Sequence[Turn], *, epoch: int) -> list[bool]:
        """The same for several tasks, in their order, in as few calls as may be.

        After a refusal some of them may have been taken.
        """
        taken: list[bool] = []
        for start in range(0, len(turns), _CLAIMS):
            step = turns[start : start + _CLAIMS]
            words = [
                word for one in step for word in (one.task_id, one.owner, repr(float(one.time)))
            ]
            reply = items(await self._scripts.run("claim", *words, epoch=epoch))
            if reply[:1] == [b"stale"] or len(reply) != len(step):
                raise refuse(text(reply[0]) if reply else "", reply)
            taken += [answer == b"taken" for answer in reply]
        return taken

    async def release(self, task_id: TaskId, owner: str, *, epoch: int) -> None:
        """A taken task runs no longer; its final state does the same. Raises StaleEpoch."""
        reply = await self._scripts.run("release", id=task_id, owner=owner, epoch=epoch)
        expect_ok(items(reply))

    async def ahead(self, task_id: TaskId, node: str = "") -> int:
        """How many tasks were queued before this one and still wait; 0 if it does not wait.

        ``node`` is the one whose task it is.
        """
        space = node or self._link.space
        ahead = await self._link.call("ZRANK", keys.WAITING.key(node=space), task_id)
        if ahead is None:
            ahead = await self._link.call("ZRANK", keys.WANTING.key(node=space), task_id)
        return integer(ahead)

    async def oldest(self) -> TaskId | None:
        """The task that waits the longest for its start, None if none does."""
        found = [
            TaskId(text(one))
            for family in (keys.WAITING, keys.WANTING)
            for one in items(await self._link.call("ZRANGE", self._link.key(family), 0, 0))
        ]
        return min(found, default=None)  # ids are ordered by time

    async def running(self, owner: str) -> frozenset[TaskId]:
        """The tasks of an owner that were taken and are not final."""
        reply = await self._link.call("SMEMBERS", self._link.key(keys.RUNNING, owner))
        return frozenset(TaskId(text(item)) for item in items(reply))

    async def counts(self, owner: str) -> Counts:
        """How full the queue is."""
        reply = items(await self._scripts.run("counts", owner=owner))
        return Counts(*map(integer, reply))

    def _waiting(self, head: list[object]) -> Waiting:
        owner = text(head[0])
        return Waiting(
            owner=owner,
            weight=self.weight(owner),
            virtual_time=_time(head[1]),
            running=integer(head[2]),
            tasks=tuple(TaskId(text(item)) for item in head[3:]),
        )


def _time(value: object) -> float:
    try:
        return float(text(value))
    except ValueError as error:
        raise broken() from error
