"""Runs the task scripts with their keys, and mends what a foreign writer left in place of ours.

A key of another type than ours cannot be used nor trusted: it is removed, and the runner's word
for the index with it, so that the index is rebuilt from the spool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.stores import keys
from gateway.stores.redis_client import RedisClient, Value, unavailable, wrong_type
from gateway.stores.replies import integer, items, text
from gateway.stores.script import script
from protocol.errors import GatewayError

__all__ = ["TaskScripts"]

_STEP = 500


class TaskScripts:
    """The scripts that work on the families in TASK_KEYS."""

    def __init__(self, link: RedisClient) -> None:
        self._link = link
        self._keys: dict[str, tuple[str, ...]] = {}
        self._mending = asyncio.Lock()

    async def run(self, name: str, /, *rest: Value, **named: Value) -> object:
        """The script's reply. Raises UNAVAILABLE after mending if a key had a foreign type."""
        try:
            return await self._link.run(name, self._keys_of(name), *rest, **named)
        except GatewayError as error:
            if not wrong_type(error.__cause__):
                raise
            if not self._mending.locked():
                await self.mend()
            raise unavailable() from error

    def _keys_of(self, name: str) -> tuple[str, ...]:
        found = self._keys.get(name)
        if found is None:
            found = self._keys[name] = keys.script_keys(script(name).families, self._link.space)
        return found

    async def mend(self) -> int:
        """Removes every key of ours that has a foreign type; how many there were."""
        async with self._mending:
            wrong, cursor = 0, "0"
            while True:
                reply = items(
                    await self._link.call("SCAN", cursor, "MATCH", keys.ALL, "COUNT", _STEP)
                )
                cursor = text(reply[0])
                wrong += await self._remove([text(key) for key in items(reply[1])])
                if cursor == "0":
                    break
            if wrong and self._link.space:
                await self._doubt_all()
            return wrong

    async def _doubt_all(self) -> None:
        """Has every node rebuild the index: what was removed may have been any of theirs."""
        for name in items(await self._link.call("HKEYS", keys.NODES.key())):
            await self._link.call("DEL", keys.READY.key(node=text(name)))

    async def _remove(self, found: Sequence[str]) -> int:
        wanted = [(key, known.type) for key in found if (known := keys.family(key))]
        return integer(
            await self._link.run(
                "quarantine",
                (self._link.key(keys.READY), *(key for key, _ in wanted)),
                *(kind for _, kind in wanted),
            )
        )
