"""Which of several nodes has what was made by a request id, so that a repetition goes there.

A node's disk says for good what it accepted (``request_claims.py``). What is here only leads all
repetitions to one node, and is brought back from the disks if Redis loses it.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.stores import keys
from gateway.stores.redis_client import RedisClient
from gateway.stores.replies import text
from gateway.stores.request_claims import claim_name

__all__ = ["RequestHomes"]

_STEP = 500


class RequestHomes:
    """Which node has a request id, known for ``seconds`` after it was last asked for."""

    def __init__(self, link: RedisClient, seconds: int) -> None:
        self._link = link
        self._life_ms = seconds * 1000

    async def of(self, owner: str, request_id: str, wanted: str) -> str:
        """The node of a request id: ``wanted`` if it has none yet. Raises UNAVAILABLE."""
        key = keys.REQUEST.key(claim_name(owner, request_id))
        holder = text(await self._link.call("SET", key, wanted, "NX", "GET", "PX", self._life_ms))
        if holder:
            await self._link.call("PEXPIRE", key, self._life_ms)
        return holder or wanted

    async def move(self, owner: str, request_id: str, node: str) -> None:
        """Gives a request id to a node, since the one that had it is gone for good."""
        key = keys.REQUEST.key(claim_name(owner, request_id))
        await self._link.call("SET", key, node, "PX", self._life_ms)

    async def restore(self, names: Sequence[str]) -> None:
        """Says again that the claims of these names are this node's."""
        for start in range(0, len(names), _STEP):
            step = [keys.REQUEST.key(name) for name in names[start : start + _STEP]]
            await self._link.run("claim_requests", step, node=self._link.space, life=self._life_ms)
