"""The runner's word that the index is right: given after a rebuild, renewed every second.

Without it no gateway accepts a task. It ends by itself when this process stops giving it, and it is
void when Redis was emptied, restarted or mended meanwhile: then the index is rebuilt first.
"""

from __future__ import annotations

import asyncio

from gateway.journal import journal
from gateway.runner.node import Node
from gateway.runner.recover import Recovery
from protocol.errors import GatewayError, Kind

__all__ = ["Vouching"]

_BEAT_SECONDS = 1.0
_LIFE_SECONDS = 5.0
_journal = journal(__name__)


class Vouching:
    """Keeps the word."""

    def __init__(self, node: Node, recovery: Recovery) -> None:
        self._node = node
        self._recovery = recovery
        self._given = False

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
        if self._given and await node.tasks.beat(node.epoch, _LIFE_SECONDS):
            return
        if self._given:
            _journal.warning("the index is not what it was and is rebuilt")
        self._given = False
        await self._recovery.rebuild()
        await node.tasks.ready(node.epoch, _LIFE_SECONDS)
        self._given = True
        _journal.info("ready", epoch=node.epoch, live=len(node.roster))
