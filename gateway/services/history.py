"""What was asked of the gateway before: searching tasks, reading what one was given to run.

What a task was given to run is its owner's alone. A search looks at so many of the newest tasks
and at no more, whatever it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.config import Config
from gateway.services.refusals import Refusals
from gateway.stores.queue import TaskQueue
from gateway.stores.spool import Spool
from gateway.stores.tasks import TaskStore
from protocol.accounts import Principal
from protocol.commands import Load, Refuse, SearchTasks, Submission, TaskPage
from protocol.errors import GatewayError, Kind
from protocol.tasks import Task

__all__ = ["History", "chosen"]

_MOST = 20_000
_STEP = 500


class History:
    """Searches tasks and reads submissions."""

    def __init__(self, config: Config, store: TaskStore, queue: TaskQueue, spool: Spool) -> None:
        self._config = config
        self._store = store
        self._queue = queue
        self._spool = spool
        self._refusals = Refusals(config, store, spool)

    async def search(self, owner: str | None, command: SearchTasks) -> TaskPage:
        """Tasks of one owner, or of all for None, newest first; ``numbers`` is not looked at."""
        if command.limit < 0 or command.offset < 0:
            raise GatewayError(Kind.INVALID, "limit and offset must not be negative")
        limit = min(command.limit, self._config.limits.list_tasks)
        if command.engine or command.words:
            return await self._filtered(owner, command, limit)
        found = await self._step(owner, command, limit, command.offset)
        total = await self._store.count(
            owner,
            command.states,
            from_ms=command.from_ms,
            to_ms=command.to_ms,
            first_number=command.first_number,
            most=_MOST,
        )
        return TaskPage(tuple(found), max(total, len(found)))

    async def submission(self, principal: Principal, task: Task) -> Submission:
        """A task with its code, which only its owner is shown."""
        if principal.name != task.owner:
            return Submission(task, "")
        spec = await self._spool.spec(task.id)
        return Submission(task, spec.code if spec else "")

    async def refuse(self, owner: str, command: Refuse) -> Task:
        """Records a submission that was refused as a task that failed."""
        return await self._refusals.record(owner, command)

    async def load(self, user: str, *, everybody: bool) -> Load:
        """How busy the gateway is, for a user; others' tasks count only if ``everybody``."""
        counts = await self._queue.counts(user)
        return Load(
            counts.waiting,
            counts.running,
            counts.waiting_in_all if everybody else counts.waiting,
            counts.running_in_all if everybody else counts.running,
            counts.owners_waiting if everybody else min(counts.waiting, 1),
            self._config.runner.running_per_user,
            self._config.limits.queued_per_user,
        )

    async def _filtered(self, owner: str | None, command: SearchTasks, limit: int) -> TaskPage:
        tasks: list[Task] = []
        total = 0
        for start in range(0, _MOST, _STEP):
            step = await self._step(owner, command, _STEP, start)
            for task in step:
                if _fits(task, command):
                    total += 1
                    if command.offset < total <= command.offset + limit:
                        tasks.append(task)
            if len(step) < _STEP:
                break
        return TaskPage(tuple(tasks), total)

    async def _step(
        self, owner: str | None, command: SearchTasks, limit: int, offset: int
    ) -> list[Task]:
        return await self._store.list(
            owner,
            command.states,
            from_ms=command.from_ms,
            to_ms=command.to_ms,
            first_number=command.first_number,
            limit=limit,
            offset=offset,
        )


def chosen(tasks: Iterable[Task], command: SearchTasks) -> TaskPage:
    """Of tasks that were asked for by number those that fit the rest, and the page of them."""
    fit = [
        task
        for task in tasks
        if _fits(task, command)
        and command.owner in {"", task.owner}
        and (not command.states or task.state in command.states)
        and command.from_ms <= task.created_ms <= (command.to_ms or task.created_ms)
        and task.number >= command.first_number
    ]
    return TaskPage(tuple(fit[command.offset :][: command.limit]), len(fit))


def _fits(task: Task, command: SearchTasks) -> bool:
    return command.engine in {"", task.engine} and all(
        task.client.get(name) == word for name, word in command.words
    )
