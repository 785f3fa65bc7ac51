"""The lease of the index: the word of a runner that the index agrees with the spool.

Only while one holds it are tasks accepted, and is it said of a task that there is none. It is bound
to this very start of the server: after a restart, or once it was emptied or mended, it is void.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.stores import keys
from gateway.stores.records import expect_ok
from gateway.stores.redis_client import RedisClient, unavailable
from gateway.stores.replies import integer, items, text
from gateway.stores.scripting import TaskScripts

__all__ = ["IndexLeaseStore", "IndexStatus"]


class IndexStatus(StrEnum):
    """What a runner says of the index: how much of the spool it agrees with.

    With PARTIAL tasks that have ended may still be missing: an unknown one is unavailable.
    """

    REBUILDING = "rebuilding"
    PARTIAL = "partial"
    WHOLE = "whole"

    def encoded(self, epoch: int, server_run: str) -> str:
        """The word as it lies in Redis; only with the server's run in it is it a lease."""
        return f"{epoch} {'-' if self is IndexStatus.REBUILDING else server_run} {self}"


class IndexLeaseStore:
    """Who may write the index, and what the runner says of it. ``link`` is the way to Redis."""

    def __init__(self, link: RedisClient) -> None:
        self._link = link
        self._scripts = TaskScripts(link)

    async def newest_epoch(self) -> int:
        """The newest epoch that any runner has written with, 0 if none is known."""
        return integer(await self._link.call("GET", self._link.key(keys.EPOCH)))

    async def rebuild(self, epoch: int, seconds: float = 60.0) -> IndexStatus:
        """Says that the index is about to be rebuilt; answers what is said meanwhile.

        Nobody holds its lease, unless another runner did until now: then its live part was right.

        Raises:
            ForeignNode: it is another node's.
        """
        await self._link.claim()
        run = await self._link.server_run()
        reply = items(
            await self._scripts.run(
                "rebuild",
                epoch=epoch,
                run=run,
                standing=IndexStatus.PARTIAL.encoded(epoch, run),
                fresh=IndexStatus.REBUILDING.encoded(epoch, run),
                life=int(seconds * 1000),
            )
        )
        expect_ok(reply)
        return IndexStatus(text(reply[1]).rpartition(" ")[2])

    async def ready(self, epoch: int, seconds: float = 10.0) -> None:
        """Vouches for the index: it agrees with the spool. From now on tasks are accepted."""
        await self._beat(epoch, seconds, IndexStatus.WHOLE, None)

    async def require(self) -> None:
        """Raises UNAVAILABLE while no runner holds the lease of the index, or of a part of it."""
        word = text(await self._link.call("GET", self._link.key(keys.READY)))
        if await self._link.server_run() not in word:
            raise unavailable()

    async def beat(
        self,
        epoch: int,
        seconds: float = 10.0,
        word: IndexStatus = IndexStatus.WHOLE,
        *,
        before: IndexStatus | None = None,
    ) -> bool:
        """Prolongs what was said, or goes on from ``before`` to another word.

        False if Redis was emptied, restarted or mended since: then no task is accepted until the
        index is rebuilt and its lease is taken again.
        """
        return await self._beat(epoch, seconds, word, word if before is None else before)

    async def _beat(
        self, epoch: int, seconds: float, word: IndexStatus, before: IndexStatus | None
    ) -> bool:
        await self._link.claim()
        run = await self._link.server_run()
        was = "" if before is None else before.encoded(epoch, run)
        reply = items(
            await self._scripts.run(
                "heartbeat",
                epoch=epoch,
                word=word.encoded(epoch, run),
                life=int(seconds * 1000),
                before=was,
            )
        )
        if text(reply[0]) == "lost":
            return False
        expect_ok(reply)
        return True
