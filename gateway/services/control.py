"""Control: hold, resume, suspend, signal, another time limit, tags, and the events of a task.

A request is durable in the run directory before anything else, and goes straight to the shim; the
index and the runner only hear of it. So what was answered is carried out while Redis is away and
while there is no runner, and is never behind what waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engines.rundir.facts import RunState
from engines.rundir.requests import Control
from gateway import clock
from gateway.caller import Access, Caller
from gateway.services.control_rules import Asked, Asking, check_limit, check_tags, decide
from gateway.services.lookup import Lookup
from gateway.services.parts import Parts
from gateway.services.service import Verb
from gateway.services.task_events import events_of
from gateway.stores.errors import TaskGone
from gateway.stores.tasks import NO_EPOCH
from protocol.commands.control import Hold, ReadEvents, Resume, SetLimit, Signal, Suspend, Tag
from protocol.control import SIGNALS, EventPage, signal_name
from protocol.errors import GatewayError, Kind
from protocol.tasks import ById, Task, TaskState

__all__ = ["Controls"]

_SETTLE_SECONDS = 2.0
_POLL_SECONDS = 0.1
_MOST_EVENTS = 1000
_SHOWN = {
    RunState.RUNNING: TaskState.RUNNING,
    RunState.SUSPENDED: TaskState.SUSPENDED,
    RunState.KILLING: TaskState.KILLING,
}


class Controls:
    """Carries out the commands on control.

    Args:
        parts: the settings and the stores.
        lookup: finds tasks.
    """

    def __init__(self, parts: Parts, lookup: Lookup) -> None:
        self._most_seconds = parts.config.runner.seconds
        self._files = parts.stores.control_files
        self._store = parts.stores.controls
        self._notifier = parts.notifier
        self._feed = parts.feed
        self._lookup = lookup

    @classmethod
    def of(cls, parts: Parts) -> Controls:
        """The service of a gateway."""
        return cls(parts, parts.get(Lookup))

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(Hold, Access.USER, self.ask),
            Verb(Resume, Access.USER, self.ask),
            Verb(Suspend, Access.USER, self.ask),
            Verb(Signal, Access.USER, self.signal),
            Verb(SetLimit, Access.USER, self.set_limit),
            Verb(Tag, Access.USER, self.tag),
            Verb(ReadEvents, Access.READ, self._lookup.on_task(self.events)),
        )

    async def signal(self, caller: Caller, command: Signal) -> Task:
        """Has a signal sent."""
        if command.signal not in SIGNALS.values():
            raise GatewayError(
                Kind.INVALID,
                f"unknown signal {signal_name(command.signal)} (available: {', '.join(SIGNALS)})",
                field="signal",
            )
        return await self.ask(caller, command)

    async def set_limit(self, caller: Caller, command: SetLimit) -> Task:
        """Changes the limit of the running time."""
        seconds = check_limit(command.seconds, self._most_seconds)
        return await self.ask(caller, replace(command, seconds=seconds))

    async def tag(self, caller: Caller, command: Tag) -> Task:
        """Changes the tags of a task."""
        check_tags(*command.add, *command.remove)
        return await self.ask(caller, command)

    async def ask(self, caller: Caller, command: Asked) -> Task:
        """Makes a request durable and has it carried out; the task as it then is."""
        task = await self._lookup.seen(caller, command.task)
        asking = Asking(caller.user.name, clock.now_ms(), f"task {task.number}")
        done = await self._files.ask(
            task.id, decide(asking, command), unstarted=isinstance(command, Hold)
        )
        if done is None:
            raise TaskGone(task.id, task.number, task.owner)
        control, state = done
        if control.size:
            self._notifier.control(task.id)
            task = await self._shown(task, control)
        if not control.held and task.state is TaskState.QUEUED:
            self._notifier.queued(wanting=True)
        if isinstance(command, Suspend | Resume) and state in _SHOWN:
            return await self._settled(task, suspended=isinstance(command, Suspend))
        return task

    async def events(self, task: Task, command: ReadEvents) -> EventPage:
        """A page of what happened to a task."""
        if command.after < 0 or command.limit < 0:
            raise GatewayError(Kind.INVALID, "after and limit must not be negative", field="after")
        history = await self._files.history(task.id)
        if history is None:
            raise TaskGone(task.id, task.number, task.owner)
        found = events_of(task, history)
        page = found[command.after : command.after + min(command.limit, _MOST_EVENTS)]
        last = page[-1].number if page else min(command.after, len(found))
        return EventPage(task, page, last, last < len(found))

    async def _shown(self, task: Task, control: Control) -> Task:
        """The task as the index shows it with the request; as it must be, if that is away."""
        try:
            return await self._store.show(task.id, NO_EPOCH, control, clock.now_ms())
        except GatewayError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
        waits = task.state in (TaskState.ACCEPTED, TaskState.QUEUED, TaskState.HELD)
        state = task.state
        if waits:
            state = TaskState.HELD if control.held else TaskState.QUEUED
        seconds = task.seconds if control.seconds is None else control.seconds
        return replace(task, state=state, tags=control.tags, seconds=seconds)

    async def _settled(self, task: Task, *, suspended: bool) -> Task:
        """The task once it stands still, or goes on; as it is if that takes long."""
        wanted = TaskState.SUSPENDED if suspended else TaskState.RUNNING
        deadline = clock.monotonic() + _SETTLE_SECONDS
        with self._feed.watch(task.id) as watcher:
            while task.state is not wanted and not task.state.final:
                left = deadline - clock.monotonic()
                if left <= 0:
                    break
                await watcher.changed(min(left, _POLL_SECONDS))
                task = await self._latest(task)
        return task

    async def _latest(self, task: Task) -> Task:
        """The task as it is shown, or as its run directory has it while the index is away."""
        try:
            return await self._lookup.find(ById(task.id))
        except GatewayError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
        state = await self._files.state(task.id)
        shown = _SHOWN.get(state) if state is not None else None
        return replace(task, state=shown) if shown is not None else task
