"""Whether there could ever be room for a task: its queue is open and the pool is large enough."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from gateway.services.parts import Parts
from gateway.services.wants import check_placed, check_room
from gateway.stores.pool import PoolFile
from gateway.stores.queues import QueueFile
from protocol.errors import GatewayError, Kind, Subject
from protocol.placement import Pool
from protocol.resources import Leaf, LeafState, Wants

__all__ = ["Room"]


class Room:
    """Looks at queues and pool before a task is accepted.

    Tasks of the queues ``placed`` run somewhere else: how much there is nobody here knows.
    """

    def __init__(
        self, queues: QueueFile, pool: PoolFile, placed: frozenset[str] = frozenset()
    ) -> None:
        self._queues = queues
        self._pool = pool
        self._placed = placed
        self._seen: tuple[tuple[Leaf, ...], Pool] | None = None

    @classmethod
    def of(cls, parts: Parts) -> Room:
        """The one of a gateway."""
        return cls(parts.stores.queues, parts.stores.pool, parts.config.places.queues)

    async def check(self, wants: Wants) -> None:
        """Refuses wants that cannot be met whatever ends.

        Raises:
            GatewayError: INVALID or CONFLICT, with the field.
        """
        await asyncio.to_thread(self._check, wants)

    async def check_together(self, wants: Sequence[Wants]) -> None:
        """Refuses wants that cannot be met at the same time, whatever ends.

        Raises:
            GatewayError: INVALID.
        """
        if any(one.queue in self._placed for one in wants):
            return
        shapes = tuple(one.shapes[0] for one in wants)
        if not await asyncio.to_thread(lambda: self._whole().least(shapes)):
            raise GatewayError(
                Kind.INVALID,
                "there are not enough resources for all members at the same time",
                field="members",
                subject=Subject.RESOURCE,
            )

    def _check(self, wants: Wants) -> None:
        if wants.queue in self._placed:
            check_placed(wants, self._queues.all())
        else:
            check_room(wants, self._queues.all(), self._whole())

    def _whole(self) -> Pool:
        """The pool if all that is away for a while were there."""
        leaves = self._pool.leaves()
        seen = self._seen
        if seen is None or seen[0] is not leaves:
            there = (
                replace(leaf, state=LeafState.ALIVE)
                for leaf in leaves
                if leaf.state is not LeafState.DEAD
            )
            seen = self._seen = (leaves, Pool(there))
        return seen[1]
