"""The runner's word that the index is right: given after a rebuild, renewed every second.

Without it no gateway accepts a task. It ends by itself when this process stops giving it, and it is
void when Redis was emptied, restarted or mended meanwhile: then the index is rebuilt first. What is
live is brought back before the word is given; what has ended follows in bounded steps, and until
then nobody says of a task that there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from gateway.clock import monotonic
from gateway.journal import journal
from gateway.runner.node import Node
from gateway.runner.recover import Recovery
from protocol.errors import GatewayError, Kind

__all__ = ["Vouching"]

_BEAT_SECONDS = 1.0
_LIFE_SECONDS = 5.0
_SHARE_SECONDS = 1.0
"""At most so long it works on what has ended between two signs of life."""
_journal = journal(__name__)


class Vouching:
    """Keeps the word."""

    def __init__(self, node: Node, recovery: Recovery) -> None:
        self._node = node
        self._recovery = recovery
        self._given = False
        self._rest: AsyncIterator[None] | None = None

    async def run(self) -> None:
        """Gives and renews the word for ever. Raises StaleEpoch when another runner took over."""
        while True:
            try:
                await self._beat()
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE:
                    raise
            await asyncio.sleep(_BEAT_SECONDS)

    async def _beat(self) -> None:
        node = self._node
        partial = self._rest is not None
        if self._given and await node.tasks.beat(node.epoch, _LIFE_SECONDS, partial=partial):
            await self._go_on()
            return
        if self._given:
            _journal.warning("the index is not what it was and is rebuilt")
        self._given = False
        await self._recovery.rebuild_live()
        self._rest = self._recovery.rebuild_rest()
        await node.tasks.ready(node.epoch, _LIFE_SECONDS, partial=True)
        self._given = True
        await self._go_on()
        _journal.info("ready", epoch=node.epoch, live=len(node.roster))

    async def _go_on(self) -> None:
        """Brings back some of what has ended; after a fault from the beginning, which is quick."""
        if self._rest is None:
            return
        until = monotonic() + _SHARE_SECONDS
        try:
            async for _ in self._rest:
                if monotonic() >= until:
                    return
        except GatewayError:
            self._rest = self._recovery.rebuild_rest()
            raise
        self._rest = None
        await self._node.tasks.ready(self._node.epoch, _LIFE_SECONDS)
