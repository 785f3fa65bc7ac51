"""Ended tasks back into the index, many at a time.

After a loss of Redis there may be very many of them, so that one call for each would take minutes.
It may be repeated and interrupted anywhere, and must never bring a buried task back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.stores import keys
from gateway.stores.link import Link, Value
from gateway.stores.records import SOURCES, encode_meta, encode_outcome, refuse
from gateway.stores.replies import items, text
from gateway.stores.scripting import TaskScripts
from gateway.stores.spec import TaskSpec
from protocol.tasks import Outcome, TaskId, TaskState

__all__ = ["Ended", "Revival"]


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished run as its directory tells it; ``last`` is the number of its last line."""

    spec: TaskSpec
    state: TaskState
    outcome: Outcome
    ended_ms: int
    started_ms: int
    last: int


class Revival:
    """What the index of tasks lacks, and the ended ones back into it.

    Args:
        link: the way to Redis.
        tombstone_seconds: how long after its expiry a final task's record stays in Redis at most.
    """

    def __init__(self, link: Link, *, tombstone_seconds: int = 7 * 86_400) -> None:
        self._scripts = TaskScripts(link)
        self._keep_ms = tombstone_seconds * 1000

    async def absent(self, ids: Sequence[TaskId], *, ended: bool) -> list[TaskId]:
        """Those of some tasks that the index does not hold wholly; not the buried ones."""
        reply = await self._scripts.run("absent", int(ended), *ids)
        return [TaskId(text(item)) for item in items(reply)]

    async def revive(self, ended: Sequence[Ended], epoch: int) -> None:
        """Makes the index hold them. Raises StaleEpoch, UNAVAILABLE."""
        words: list[Value] = [epoch, self._keep_ms, keys.BELL, SOURCES[TaskState.KILLED]]
        for one in ended:
            spec = one.spec
            words += (spec.task_id, spec.number, spec.owner, spec.name, encode_meta(spec))
            words += (spec.created_ms, spec.dialect, spec.expires_ms)
            words += (one.state.value, SOURCES[one.state], one.ended_ms)
            words += (encode_outcome(one.outcome), one.started_ms, one.last)
        reply = items(await self._scripts.run("revive", *words))
        if (status := text(reply[0])) != "ok":
            raise refuse(status, reply)
