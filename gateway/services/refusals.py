"""Refused submissions as tasks: recorded as failed before anything was started.

For clients that can be told of a refusal only through a task. Nothing is ever queued here. So many
are recorded for a user within a minute, the others stay errors: refusing must not fill a disk.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from gateway import clock, ids
from gateway.config import Config
from gateway.services.submission import check_bounds
from gateway.stores.spec import TaskSpec
from gateway.stores.spool import Spool
from gateway.stores.tasks import NO_EPOCH, QueueLimits, TaskStore
from protocol.commands.history import Refuse
from protocol.errors import GatewayError, Kind
from protocol.tasks import Outcome, Reason, Task, TaskState

__all__ = ["Refusals"]

_MOST = 120
_WINDOW_SECONDS = 60.0
_USERS = 10_000
_LONGEST = 2000


class Refusals:
    """Records refusals. One object serves a process and counts in it."""

    def __init__(self, config: Config, store: TaskStore, spool: Spool) -> None:
        self._config = config
        self._store = store
        self._spool = spool
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    async def record(self, owner: str, command: Refuse) -> Task:
        """The task that failed.

        Raises:
            GatewayError: EXHAUSTED if there were too many, INVALID or TOO_LARGE if it cannot be
                kept.
        """
        check_bounds(command.execute, self._config.limits)
        self._count(owner, clock.monotonic())
        number = await self._store.reserve(owner, QueueLimits())
        spec = self._spec(owner, command, number)
        message = command.message[:_LONGEST]
        await self._spool.refuse(spec, message, spec.created_ms)
        outcome = Outcome(Reason.REFUSED, None, None, message)
        await self._store.restore(
            spec, NO_EPOCH, TaskState.FAILED, at_ms=spec.created_ms, outcome=outcome
        )
        return await self._store.complete_log(spec.task_id, NO_EPOCH, 0)

    def _count(self, owner: str, now: float) -> None:
        times = self._times.setdefault(owner, deque())
        self._times.move_to_end(owner)
        while times and times[0] <= now - _WINDOW_SECONDS:
            times.popleft()
        if len(times) >= _MOST:
            raise GatewayError(
                Kind.EXHAUSTED,
                f"{_MOST} submissions of yours were refused within a minute",
                retry_after=max(1.0, times[0] + _WINDOW_SECONDS - now),
            )
        times.append(now)
        while len(self._times) > _USERS:
            self._times.popitem(last=False)

    def _spec(self, owner: str, command: Refuse, number: int) -> TaskSpec:
        now, asked = clock.now_ms(), command.execute
        return TaskSpec(
            task_id=ids.new_task_id(now),
            number=number,
            owner=owner,
            engine=asked.engine,
            language=asked.language,
            code=asked.code,
            created_ms=now,
            expires_ms=now + self._config.retention.task_seconds * 1000,
            dialect=asked.dialect,
            client=asked.client,
        )
