"""What was asked of the gateway before: searching tasks, reading what one was given to run.

What a task was given to run is its owner's alone. A search looks at so many of the newest tasks
and at no more, whatever it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from gateway.caller import Access, Caller
from gateway.config import Config
from gateway.services.lookup import Lookup
from gateway.services.parts import Parts
from gateway.services.refusals import Refusals
from gateway.services.service import Verb
from gateway.stores.queue import TaskQueue
from gateway.stores.spool import Spool
from gateway.stores.tasks import TaskStore
from protocol.commands.history import (
    Load,
    ReadLoad,
    ReadSubmission,
    Refuse,
    Submission,
    TaskPage,
    TaskQuery,
)
from protocol.errors import GatewayError, Kind
from protocol.tasks import ByNumber, Task

__all__ = ["History"]

_MOST = 20_000
_STEP = 500
_READ_AHEAD = 4
"""How many times the code that is told may be read, to find what fits."""
_MOST_NUMBERS = 1000


class History:
    """Searches tasks and reads submissions."""

    def __init__(
        self, config: Config, store: TaskStore, queue: TaskQueue, spool: Spool, lookup: Lookup
    ) -> None:
        self._config = config
        self._lookup = lookup
        self._store = store
        self._queue = queue
        self._spool = spool
        self._refusals = Refusals(config, store, spool)

    @classmethod
    def of(cls, parts: Parts) -> History:
        """The service of a gateway."""
        stores = parts.stores
        return cls(parts.config, stores.tasks, stores.queue, stores.spool, parts.get(Lookup))

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(
                TaskQuery,
                Access.LOOK,
                self.search,
                owner=lambda command: command.owner,
                others="list others' tasks",
            ),
            Verb(ReadSubmission, Access.READ, self.submission),
            Verb(Refuse, Access.USER, self.refuse),
            Verb(
                ReadLoad,
                Access.LOOK,
                self.load,
                owner=lambda command: command.user,
                others="ask about others",
            ),
        )

    async def search(self, caller: Caller, command: TaskQuery) -> TaskPage:
        """A page of the caller's tasks or, for who may see them, of another's or all."""
        if command.numbers:
            page = _chosen(await self._numbered(caller, command), command)
        else:
            everybody = command.everybody and caller.user.admin and not command.owner
            owner = None if everybody else command.owner or caller.user.name
            page = await self._search(owner, command)
        if not command.code_bytes:
            return page
        own = [task for task in page.tasks if task.owner == caller.user.name]
        return replace(page, codes=await self._codes(own, command.code_bytes))

    async def submission(self, caller: Caller, command: ReadSubmission) -> Submission:
        """A task with its code, which only its owner is shown."""
        task = await self._lookup.seen(caller, command.task)
        if caller.principal is None or caller.principal.name != task.owner:
            return Submission(task, "")
        spec = await self._spool.spec(task.id)
        return Submission(task, spec.code if spec else "")

    async def refuse(self, caller: Caller, command: Refuse) -> Task:
        """Records a submission that was refused as a task that failed."""
        return await self._refusals.record(caller.user.name, command)

    async def load(self, caller: Caller, command: ReadLoad) -> Load:
        """How busy the gateway is, for a user; others' tasks count only for administrators."""
        counts = await self._queue.counts(command.user or caller.user.name)
        everybody = caller.user.admin
        return Load(
            counts.waiting,
            counts.running,
            counts.waiting_in_all if everybody else counts.waiting,
            counts.running_in_all if everybody else counts.running,
            counts.owners_waiting if everybody else min(counts.waiting, 1),
            self._config.runner.running_per_user,
            self._config.limits.queued_per_user,
        )

    async def _codes(self, tasks: Sequence[Task], left: int) -> dict[int, str]:
        """What tasks were given to run, by their numbers, as far as there is room."""
        found: dict[int, str] = {}
        most_read = left * _READ_AHEAD
        for task in tasks:
            spec = await self._spool.spec(task.id)
            size = len(spec.code.encode("utf-8", "surrogatepass")) if spec else 0
            if spec and size <= left:
                found[task.number] = spec.code
                left -= size
            most_read -= size
            if left <= 0 or most_read <= 0:
                break
        return found

    async def _numbered(self, caller: Caller, command: TaskQuery) -> Sequence[Task]:
        """Of the tasks that are asked for by number those that the caller may see."""
        found: dict[int, Task] = {}
        for number in command.numbers[:_MOST_NUMBERS]:
            try:
                found[number] = await self._lookup.seen(caller, ByNumber(number))
            except GatewayError as error:
                if error.kind not in {Kind.NOT_FOUND, Kind.GONE}:
                    raise
        return tuple(found.values())

    async def _search(self, owner: str | None, command: TaskQuery) -> TaskPage:
        """Tasks of one owner, or of all for None, newest first; ``numbers`` is not looked at."""
        if command.limit < 0 or command.offset < 0:
            raise GatewayError(Kind.INVALID, "limit and offset must not be negative")
        limit = min(command.limit, self._config.limits.list_tasks)
        if command.engine or command.words or command.tags:
            return await self._filtered(owner, command, limit)
        found = await self._step(owner, command, limit, command.offset)
        if not command.count:
            return TaskPage(tuple(found), len(found))
        total = await self._store.count(
            owner,
            command.states,
            from_ms=command.from_ms,
            to_ms=command.to_ms,
            dialect=command.dialect,
            first_number=command.first_number,
            most=_MOST,
        )
        return TaskPage(tuple(found), max(total, len(found)))

    async def _filtered(self, owner: str | None, command: TaskQuery, limit: int) -> TaskPage:
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
        self, owner: str | None, command: TaskQuery, limit: int, offset: int
    ) -> list[Task]:
        return await self._store.list(
            owner,
            command.states,
            from_ms=command.from_ms,
            to_ms=command.to_ms,
            dialect=command.dialect,
            first_number=command.first_number,
            limit=limit,
            offset=offset,
        )


def _chosen(tasks: Iterable[Task], command: TaskQuery) -> TaskPage:
    """Of tasks that were asked for by number those that fit the rest, and the page of them."""
    fit = [
        task
        for task in tasks
        if _fits(task, command)
        and command.owner in {"", task.owner}
        and command.dialect in {"", task.dialect}
        and (not command.states or task.state in command.states)
        and command.from_ms <= task.created_ms <= (command.to_ms or task.created_ms)
        and task.number >= command.first_number
    ]
    return TaskPage(tuple(fit[command.offset :][: command.limit]), len(fit))


def _fits(task: Task, command: TaskQuery) -> bool:
    return (
        command.engine in {"", task.engine}
        and set(command.tags) <= set(task.tags)
        and all(task.client.get(name) == word for name, word in command.words)
    )
