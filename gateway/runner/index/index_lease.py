"""The runner's word that the index is right: given after a rebuild, renewed every second.

Without it no gateway accepts a task. It ends by itself when this process stops giving it, and it is
void when Redis was emptied, restarted or mended meanwhile: then the index is rebuilt first. What is
live is brought back before the word is given; what has ended follows in bounded steps, and until
then nobody says of a task that there is none. Now and then all of it is looked at again, because
somebody may have taken single keys out of Redis.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from gateway.clock import monotonic
from gateway.journal import journal
from gateway.runner.index.recover import Recovery
from gateway.runner.node import Node
from gateway.stores.errors import ForeignNode
from gateway.stores.index_lease import IndexStatus
from protocol.errors import GatewayError, Kind

__all__ = ["IndexLease"]

_BEAT_SECONDS = 1.0
_LIFE_SECONDS = 5.0
_REST_SHARE = 1.0
"""After each step it rests for so much of its time: who runs, reads or starts comes first."""
_AUDIT_SECONDS = 10.0
_AUDIT_SHARE = 50
"""An audit rests at least so many times as long as it took."""
_journal = journal(__name__)


class IndexLease:
    """Keeps the word."""

    def __init__(self, node: Node, recovery: Recovery) -> None:
        self._node = node
        self._recovery = recovery
        self._word: IndexStatus | None = None
        self._work: AsyncIterator[None] | None = None
        self._begun = 0.0
        self._due = 0.0

    async def run(self) -> None:
        """Gives and renews the word for ever.

        Raises:
            StaleEpoch: another runner took over.
            ForeignNode: Redis was emptied, and another node has taken it.
        """
        while True:
            begun = monotonic()
            try:
                await self._beat()
            except GatewayError as error:
                if isinstance(error, ForeignNode) or error.kind is not Kind.UNAVAILABLE:
                    raise
            await asyncio.sleep(max(0.0, begun + _BEAT_SECONDS - monotonic()))

    async def _beat(self) -> None:
        lease, epoch = self._node.lease, self._node.epoch
        if self._word is None or not await lease.beat(epoch, _LIFE_SECONDS, self._word):
            if self._word is not None:
                _journal.warning("the index is not what it was and is rebuilt")
            self._word = None
            said = await lease.rebuild(epoch)
            await self._recovery.rebuild_live()
            if not await lease.beat(epoch, _LIFE_SECONDS, IndexStatus.PARTIAL, before=said):
                return
            self._word = IndexStatus.PARTIAL
            self._work = self._recovery.rebuild_rest()
            _journal.info("ready", epoch=epoch, live=len(self._node.live_runs))
        if self._node.numbers is not None:
            last = await self._node.bulk_restore.raise_number(0)
            await asyncio.to_thread(self._node.numbers.note, last)
        await self._go_on()

    async def _go_on(self) -> None:
        """Works on what has ended, or on an audit that is due, until the next sign of life."""
        if self._work is None:
            if monotonic() < self._due:
                return
            self._work, self._begun = self._recovery.audit(), monotonic()
        until = monotonic() + _BEAT_SECONDS
        try:
            if not await _walked(self._work, until):
                return
        except GatewayError:
            # From the beginning, which is quick: what was brought back is not read again.
            self._work = (
                self._recovery.rebuild_rest() if self._word is IndexStatus.PARTIAL else None
            )
            raise
        self._work = None
        took = monotonic() - self._begun
        self._due = monotonic() + _AUDIT_SECONDS
        if self._word is IndexStatus.PARTIAL:
            await self._complete()
        else:
            self._due += _AUDIT_SHARE * took

    async def _complete(self) -> None:
        """Renews the lease of all, if what it covered before still stands."""
        lease, epoch = self._node.lease, self._node.epoch
        if await lease.beat(epoch, _LIFE_SECONDS, IndexStatus.WHOLE, before=IndexStatus.PARTIAL):
            self._word = IndexStatus.WHOLE
            _journal.info("the index is whole", epoch=epoch)
        else:
            self._word = None


async def _walked(work: AsyncIterator[None], until: float) -> bool:
    """Goes through steps, resting between them, until the end or that time; whether it ended."""
    begun = monotonic()
    async for _ in work:
        now = monotonic()
        if now >= until:
            return False
        await asyncio.sleep(_REST_SHARE * (now - begun))
        begun = monotonic()
    return True
