"""Queues: listed for everybody, changed by administrators."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.caller import Access, Caller
from gateway.services.parts import Parts
from gateway.services.service import Verb, for_user
from gateway.services.tokens import by_person
from gateway.stores.directory import Directory
from gateway.stores.occupancy import OccupancyStore, QueueUse
from gateway.stores.pool import PoolFile
from gateway.stores.queues import QueueFile, unknown_queue
from protocol.accounts import Principal
from protocol.commands.queues import DropQueue, ListQueues, PutQueue, QueueReport, SetQueueStatus
from protocol.errors import GatewayError, Kind
from protocol.resources import DEFAULT_QUEUE, LeafState, Queue, part_of

__all__ = ["QueueService", "check_queue"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_MAX_PRIORITY = 1_000_000
_MAX_DESCRIPTION = 1_000
_WHOLE = 100.0


class QueueService:
    """Carries out the commands on queues."""

    def __init__(
        self,
        queues: QueueFile,
        pool: PoolFile,
        occupancy: OccupancyStore,
        directory: Directory,
        placed: frozenset[str] = frozenset(),
    ) -> None:
        self._placed = placed
        self._queues = queues
        self._directory = directory
        self._pool = pool
        self._occupancy = occupancy

    @classmethod
    def of(cls, parts: Parts) -> QueueService:
        """The service of a gateway."""
        stores = parts.stores
        placed = parts.config.places.queues
        return cls(stores.queues, stores.pool, stores.occupancy, stores.directory, placed)

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(ListQueues, Access.READ, self.list),
            Verb(PutQueue, Access.ADMIN, for_user(self.put)),
            Verb(SetQueueStatus, Access.ADMIN, for_user(self.set_status)),
            Verb(DropQueue, Access.ADMIN, for_user(self.drop)),
        )

    async def list(self, _caller: Caller, command: ListQueues) -> tuple[QueueReport, ...]:
        """All queues with what they use."""
        queues = await asyncio.to_thread(self._queues.all)
        leaves = await asyncio.to_thread(self._pool.leaves)
        alive = sum(1 for leaf in leaves if leaf.state is LeafState.ALIVE)
        report = await self._occupancy.read()
        return tuple(
            replace(
                _report(queues[name], alive, report.queues.get(name, QueueUse())),
                placed=name in self._placed,
            )
            for name in sorted(queues)
            if not command.names or name in command.names
        )

    async def put(self, user: Principal, command: PutQueue) -> Queue:
        """Makes or changes a queue."""
        by_person(user)
        check_queue(command.queue)
        return await asyncio.to_thread(self._queues.put, command.queue)

    async def set_status(self, user: Principal, command: SetQueueStatus) -> Queue:
        """Stops or opens a queue."""
        by_person(user)
        return await asyncio.to_thread(self._queues.set_status, command.name, command.status)

    async def drop(self, user: Principal, command: DropQueue) -> Queue:
        """Removes a queue that nobody uses."""
        by_person(user)
        queues = await asyncio.to_thread(self._queues.all)
        if command.name not in queues:
            raise unknown_queue(command.name)
        use = (await self._occupancy.read()).queues.get(command.name, QueueUse())
        if use.running or use.waiting:
            raise GatewayError(
                Kind.CONFLICT,
                f"queue {command.name} has {use.running} running and {use.waiting} waiting tasks",
                field="queue",
            )
        dropped = await asyncio.to_thread(self._queues.drop, command.name)
        await self._directory.forget_queue(command.name)
        return dropped


def check_queue(queue: Queue) -> None:
    """Refuses a queue that cannot be.

    Raises:
        GatewayError: INVALID, with the field.
    """
    if not _NAME.fullmatch(queue.name):
        raise GatewayError(
            Kind.INVALID,
            "the name of a queue has up to 64 letters, digits, dots, dashes and underscores",
            field="name",
        )
    for field, percent in (("share", queue.share), ("ceiling", queue.ceiling)):
        if not math.isfinite(percent) or not 0 <= percent <= _WHOLE:
            raise GatewayError(Kind.INVALID, f"the {field} is percent from 0 to 100", field=field)
    if queue.share > queue.ceiling:
        raise GatewayError(
            Kind.INVALID, "the ceiling must not be less than the share", field="ceiling"
        )
    if abs(queue.priority) > _MAX_PRIORITY:
        raise GatewayError(
            Kind.INVALID, f"a priority lies within {_MAX_PRIORITY} of 0", field="priority"
        )
    if len(queue.description) > _MAX_DESCRIPTION:
        raise GatewayError(
            Kind.INVALID, f"a description has {_MAX_DESCRIPTION} characters", field="description"
        )


def _report(queue: Queue, alive: int, use: QueueUse) -> QueueReport:
    return QueueReport(
        queue,
        _share(queue, alive),
        part_of(alive, queue.ceiling),
        use.slots,
        use.memory_mb,
        use.running,
        use.waiting,
    )


def _share(queue: Queue, alive: int) -> int:
    """What a share comes to; the default queue has one only if it was given one."""
    return part_of(alive, queue.share) if queue.share or queue.name != DEFAULT_QUEUE else 0
