"""Back into the index what it lost: ended tasks, many at a time, tombstones, the last number.

After a loss of Redis there may be very many ended tasks, so that one call for each would take
minutes. It may be repeated and interrupted anywhere, and must never bring a buried task back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.rundir.requests import Control
from gateway.stores import keys
from gateway.stores.records import SOURCES, encode_meta, encode_outcome, expect_ok
from gateway.stores.redis_client import RedisClient, Value
from gateway.stores.replies import integer, items, text
from gateway.stores.scripting import TaskScripts
from gateway.stores.spec import TaskSpec
from gateway.stores.tombstones import Tombstone
from protocol.tasks import Outcome, TaskId, TaskState

__all__ = ["BulkRestore", "Ended"]


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished run as its directory tells it; ``last`` is the number of its last line.

    ``control`` is what was asked of it, which is shown apart.
    """

    spec: TaskSpec
    state: TaskState
    outcome: Outcome
    ended_ms: int
    started_ms: int
    last: int
    control: Control


class BulkRestore:
    """What the index of tasks lacks, and how it is put back.

    Args:
        link: the way to Redis.
        tombstone_seconds: how long after its expiry a final task's record stays in Redis at most.
    """

    def __init__(self, link: RedisClient, *, tombstone_seconds: int = 7 * 86_400) -> None:
        self._scripts = TaskScripts(link)
        self._keep_ms = tombstone_seconds * 1000

    async def absent(self, ids: Sequence[TaskId], *, ended: bool) -> list[TaskId]:
        """Those of some tasks that the index does not hold wholly; not the buried ones."""
        reply = await self._scripts.run("find_missing", *ids, ended=int(ended))
        return [TaskId(text(item)) for item in items(reply)]

    async def revive(self, ended: Sequence[Ended], epoch: int) -> None:
        """Makes the index hold them. Raises StaleEpoch, UNAVAILABLE."""
        words: list[Value] = []
        for one in ended:
            spec = one.spec
            words += (spec.task_id, spec.number, spec.owner, spec.name, encode_meta(spec))
            words += (spec.created_ms, spec.dialect, spec.expires_ms)
            words += (one.state.value, SOURCES[one.state], one.ended_ms)
            words += (encode_outcome(one.outcome), one.started_ms, one.last)
        reply = await self._scripts.run(
            "revive",
            *words,
            epoch=epoch,
            keep_ms=self._keep_ms,
            channel=keys.NOTIFICATIONS,
            killed_sources=SOURCES[TaskState.KILLED],
        )
        expect_ok(items(reply))

    async def restore_tombstone(self, stone: Tombstone, epoch: int) -> None:
        """Makes a task that was buried answered as gone again, if the index lost that."""
        reply = items(
            await self._scripts.run(
                "bury",
                id=stone.task_id,
                epoch=epoch,
                until_ms=stone.until_ms,
                forget=0,
                channel=keys.NOTIFICATIONS,
                owner=stone.owner,
                number=stone.number,
                name=stone.name,
            )
        )
        expect_ok(reply)

    async def raise_number(self, floor: int) -> int:
        """Makes sure that no number up to the floor is given again; the last one given."""
        return integer(await self._scripts.run("bump_number", floor=floor))
