"""Tasks: accept, kill, delete.

A task is accepted when its spec is durable in the spool; everything after that is an index, which
the runner can rebuild. What was begun is finished even if the asker leaves meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from gateway import clock, ids
from gateway.caller import Access, Caller
from gateway.journal import journal
from gateway.services.lookup import Lookup, Users, known_user
from gateway.services.objects import ObjectService
from gateway.services.parts import Parts
from gateway.services.room import Room
from gateway.services.service import Verb
from gateway.services.submission import again_of, body_hash, check, placed
from gateway.stores.demand import demand_of
from gateway.stores.errors import TaskGone
from gateway.stores.spec import TaskSpec, taken_over
from gateway.stores.tasks import QueueLimits
from gateway.tracing.accepting import accepted, place_of
from protocol.commands.tasks import (
    DeleteTask,
    Execute,
    Kill,
    ListEngines,
    ReadTask,
    Rerun,
)
from protocol.errors import GatewayError, Kind, Subject
from protocol.resources import DEFAULT_QUEUE
from protocol.tasks import ById, FileInput, Task, TaskId, TaskRef, TaskState

__all__ = ["Inputs", "Tasks"]

R = TypeVar("R")
_journal = journal("gateway.tasks")


class Inputs(Protocol):
    """The stored files that tasks may use."""

    async def hold(self, owner: str, inputs: Sequence[FileInput]) -> None:
        """Notes that the files are in use.

        Raises:
            GatewayError: NOT_FOUND if the owner has no such file.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Refused:
    error: Exception


class QueueRights(Users, Protocol):
    """Who there is, and who may submit where."""

    def may_use(self, user: str, queue: str) -> bool:
        """Whether a user may submit to a queue."""
        ...


class Tasks:
    """Carries out the commands on tasks.

    Args:
        parts: the settings, the engines, the stores, and who owns what must be finished although
            its asker left.
        lookup: finds tasks.
        inputs: the files that tasks may use.
        users: who has an account, and may submit where.
    """

    def __init__(self, parts: Parts, lookup: Lookup, inputs: Inputs, users: QueueRights) -> None:
        self._config = parts.config
        self._engines = parts.engines
        self._store = parts.stores.tasks
        self._spool = parts.stores.spool
        self._notifier = parts.notifier
        self._group: asyncio.TaskGroup = parts.unfinished
        self._lookup = lookup
        self._inputs = inputs
        self._users = users
        self._room = parts.get(Room)
        self._tracer = parts.tracer

    @classmethod
    def of(cls, parts: Parts) -> Tasks:
        """The service of a gateway."""
        inputs = parts.get(ObjectService)
        return cls(parts, parts.get(Lookup), inputs, parts.stores.directory)

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        on_task = self._lookup.on_task
        return (
            Verb(
                Execute,
                Access.USER,
                self.submit,
                owner=lambda command: command.owner,
                others="submit for others",
            ),
            Verb(ReadTask, Access.READ, on_task(_itself)),
            Verb(Kill, Access.USER, self._killed),
            Verb(Rerun, Access.USER, self._rerun),
            Verb(DeleteTask, Access.USER, on_task(self._deleted)),
            Verb(ListEngines, Access.LOOK, self.list_engines),
        )

    async def list_engines(self, _caller: Caller, _command: ListEngines) -> tuple[str, ...]:
        """The names of the engines that tasks can be given to."""
        return tuple(sorted(self._engines))

    async def submit(self, caller: Caller, command: Execute) -> Task:
        """Accepts a task of the caller's, or of the user for whom it is submitted."""
        return await self.execute(self.owner_of(caller, command.owner), command)

    def owner_of(self, caller: Caller, named: str) -> str:
        """Whose a task becomes: the caller's, or that of the user who is named."""
        return known_user(self._users, named).name if named else caller.user.name

    async def drafted(self, owner: str, command: Execute) -> TaskSpec:
        """A task that may be accepted later, as it is now: checked, and without a number."""
        command = placed(command, self._engines)
        check(command, self._engines, self._config.limits)
        if command.wants is not None:
            await self._room.check(command.wants)
        self._check_queue(owner, command)
        if command.inputs:
            await self._inputs.hold(owner, command.inputs)
        return self._spec(owner, command, 0, "")

    async def execute(self, owner: str, command: Execute) -> Task:
        """Accepts a task, or finds the one that the same request made before."""
        work = self._executed(owner, command)
        return await (work if self._tracer is None else accepted(self._tracer, owner, work))

    async def _executed(self, owner: str, command: Execute) -> Task:
        command = placed(command, self._engines)
        check(command, self._engines, self._config.limits)
        digest = body_hash(command)
        if command.request_id:
            earlier = await self._spool.claimed(owner, command.request_id)
            if earlier is not None:
                return await self._repeated(earlier, digest)
        if command.wants is not None:
            await self._room.check(command.wants)
        self._check_queue(owner, command)
        after = await self._awaited(owner, command.after)
        if command.inputs:
            await self._inputs.hold(owner, command.inputs)
        return await self._finish(self._accept(owner, command, digest, after))

    def _check_queue(self, owner: str, command: Execute) -> None:
        """Refuses a queue that the owner's groups do not grant; a repeated request is not asked."""
        queue = command.wants.queue if command.wants is not None else DEFAULT_QUEUE
        if not self._users.may_use(owner, queue):
            raise GatewayError(
                Kind.FORBIDDEN,
                f"user {owner} may not submit to queue {queue}",
                field="queue",
                subject=Subject.QUEUE,
            )

    async def kill(self, task: Task, grace_seconds: float = -1.0, who: str = "") -> Task:
        """Makes the request durable and tells the runner; a final task stays as it is.

        ``who`` asked is kept with it.
        """
        if task.state.final:
            return task
        grace = self._config.runner.grace_seconds if grace_seconds < 0 else grace_seconds
        return await self._finish(self._kill(task, grace, who))

    async def delete(self, task: Task) -> Task:
        """Forgets a task with its output; an active one is stopped, and forgotten by the runner."""
        until = clock.now_ms() + self._config.retention.tombstone_seconds * 1000
        if not task.state.final:
            task = await self.kill(task)
        await self._finish(self._delete(task, until))
        return task

    async def _killed(self, caller: Caller, command: Kill) -> Task:
        task = await self._lookup.seen(caller, command.task)
        return await self.kill(task, command.grace_seconds, caller.user.name)

    async def _rerun(self, caller: Caller, command: Rerun) -> Task:
        """What a task was given is its owner's alone, so that nobody else has it run again."""
        task = await self._lookup.seen(caller, command.task)
        spec = await self._spool.spec(task.id) if task.owner == caller.user.name else None
        if spec is None or spec.group:
            raise GatewayError(
                Kind.UNSUPPORTED, "this task cannot be run again: it is not one of yours alone"
            )
        again = again_of(spec, command.code, command.request_id)
        return await self.execute(spec.owner, again)

    async def _deleted(self, task: Task, _command: DeleteTask) -> Task:
        return await self.delete(task)

    async def _awaited(self, owner: str, refs: Sequence[TaskRef]) -> tuple[TaskId, ...]:
        """The tasks that a new one is to wait for; they have to be its owner's."""
        found = []
        for ref in refs:
            try:
                task = await self._lookup.find(ref)
            except GatewayError as error:
                if error.kind not in {Kind.NOT_FOUND, Kind.GONE}:
                    raise
                task = None
            if task is None or task.owner != owner:
                raise GatewayError(
                    Kind.INVALID,
                    "there is no such task to wait for",
                    field="after",
                    subject=Subject.TASK,
                )
            found.append(task.id)
        return tuple(found)

    async def _accept(
        self, owner: str, command: Execute, digest: str, after: tuple[TaskId, ...]
    ) -> Task:
        limits = self._config.limits
        number = await self._store.reserve(
            owner, QueueLimits(limits.queued_per_user, limits.queued_total), command.name
        )
        spec = replace(self._spec(owner, command, number, digest), after=after)
        try:
            accepted = await self._spool.accept(spec)
        except GatewayError:
            await self._cancel_reservation(spec)
            raise
        if accepted.task_id != spec.task_id:
            await self._cancel_reservation(spec)
            return await self._repeated(accepted, digest)
        return await self._index(spec)

    async def _cancel_reservation(self, spec: TaskSpec) -> None:
        try:
            await self._store.cancel_reservation(spec.owner, spec.number, spec.name)
        except GatewayError:
            return  # the reservation ends by itself

    def _spec(self, owner: str, command: Execute, number: int, digest: str) -> TaskSpec:
        now = clock.now_ms()
        most, asked = self._config.runner.seconds, command.seconds
        longest = self._config.retention.task_seconds
        life = min(command.life_seconds or longest, longest)
        asked_for = taken_over(command) | {
            "owner": owner,
            "after": (),  # who is meant is found before it is accepted
            "seconds": min(asked, most) if asked and most else asked or most,
            "tags": tuple(dict.fromkeys(command.tags)),
        }
        task_id = ids.new_task_id(now)
        if self._tracer is not None:
            place = place_of(task_id)
            asked_for |= {"trace": place.traceparent, "trace_state": place.state}
        return TaskSpec(
            task_id=task_id,
            number=number,
            created_ms=now,
            expires_ms=now + life * 1000,
            body_hash=digest,
            **asked_for,
        )

    async def _index(self, spec: TaskSpec) -> Task:
        try:
            task = await self._store.index(spec)
        except GatewayError as error:
            if error.kind is Kind.CONFLICT:
                await self._spool.discard(spec)
            if error.kind is not Kind.UNAVAILABLE:
                raise
            # It is accepted: the spool has it, and the runner's patrol finds it there.
            _journal.warning("accepted without index", task=spec.task_id)
            return spec.task(TaskState.ACCEPTED)
        if spec.hold:
            # It may have been resumed, if this is its second time.
            self._notifier.control(spec.task_id)
        self._notifier.queued(wanting=bool(demand_of(spec)))
        return task

    async def _repeated(self, earlier: TaskSpec, digest: str) -> Task:
        if earlier.body_hash != digest:
            raise GatewayError(
                Kind.CONFLICT,
                "this request id was used for another request",
                field="request_id",
            )
        try:
            found = await self._store.read(ById(earlier.task_id))
        except TaskGone:
            raise
        except GatewayError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            found = await self._index(earlier)
        return replace(found, repeated=True)

    async def _kill(self, task: Task, grace: float, who: str) -> Task:
        await self._spool.request_kill(task.id, grace, who)
        self._notifier.kill(task.id)
        try:
            return await self._store.request_kill(task.id, clock.now_ms())
        except GatewayError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
            return replace(task, state=TaskState.KILLING)

    async def _delete(self, task: Task, until_ms: int) -> None:
        # First for certain, so that nothing brings it back; the disk last, after the index.
        await self._spool.forget(task.id)
        await self._store.bury(task.id, until_ms, forget=True)
        await self._spool.remove(task.id)
        self._notifier.queued()

    async def _finish(self, work: Coroutine[Any, Any, R]) -> R:
        """The result of work that goes on to its end even if this call is cancelled."""
        outcome = await asyncio.shield(self._group.create_task(_settled(work)))
        if isinstance(outcome, _Refused):
            raise outcome.error
        return outcome


async def _itself(task: Task, _command: ReadTask) -> Task:
    return task


async def _settled(work: Coroutine[Any, Any, R]) -> R | _Refused:
    """The result, or the refusal as a value: an error must not end the group that owns the task."""
    try:
        return await work
    except GatewayError as error:
        return _Refused(error)
    except OSError as error:
        _journal.error(
            "the spool refused an operation", error=type(error).__name__, code=error.errno
        )
        return _Refused(
            GatewayError(Kind.UNAVAILABLE, "the spool cannot be written", retry_after=5.0)
        )
    except Exception as error:  # noqa: BLE001 - raised again in the call that asked for it
        return _Refused(error)
