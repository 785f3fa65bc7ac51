"""Tasks: accept, find, list, kill, delete.

A task is accepted when its spec is durable in the spool; everything after that is an index, which
the runner can rebuild. What was begun is finished even if the asker leaves meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from engines.contract import Capabilities
from gateway import clock, ids
from gateway.config import Config
from gateway.journal import journal
from gateway.services.bell import RunnerBell
from gateway.services.submission import body_hash, check
from gateway.stores.errors import TaskGone
from gateway.stores.link import unavailable
from gateway.stores.spec import TaskSpec
from gateway.stores.spool import Spool
from gateway.stores.tasks import QueueLimits, TaskStore
from protocol.commands import Execute, ListTasks
from protocol.errors import GatewayError, Kind
from protocol.tasks import ById, ByNumber, FileInput, Task, TaskRef, TaskState

__all__ = ["Inputs", "Tasks"]

R = TypeVar("R")
_log = journal("gateway.tasks")


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
    error: GatewayError


class Tasks:
    """The verbs on tasks. ``group`` owns what must be finished although its asker left."""

    def __init__(
        self,
        config: Config,
        engines: Mapping[str, Capabilities],
        store: TaskStore,
        spool: Spool,
        bell: RunnerBell,
        inputs: Inputs,
        group: asyncio.TaskGroup,
    ) -> None:
        self._config = config
        self._engines = engines
        self._store = store
        self._spool = spool
        self._bell = bell
        self._inputs = inputs
        self._group = group

    @property
    def engines(self) -> tuple[str, ...]:
        """The names of the engines that tasks can be given to."""
        return tuple(sorted(self._engines))

    async def execute(self, owner: str, command: Execute) -> Task:
        """Accepts a task, or finds the one that the same request made before."""
        check(command, self._engines, self._config.limits)
        digest = body_hash(command)
        if command.request_id:
            earlier = await self._spool.claimed(owner, command.request_id)
            if earlier is not None:
                return await self._repeated(earlier, digest)
        if command.inputs:
            await self._inputs.hold(owner, command.inputs)
        return await self._finish(self._accept(owner, command, digest))

    async def find(self, ref: TaskRef) -> Task:
        """The task as it is.

        Raises:
            GatewayError: NOT_FOUND if there is none that agrees with the reference, TaskGone.
        """
        try:
            task = await self._store.read(ref)
        except TaskGone as gone:
            if isinstance(ref, ByNumber) and ref.owner not in {"", gone.owner}:
                raise GatewayError(Kind.NOT_FOUND, "there is no such task") from gone
            raise
        except GatewayError as error:
            if error.kind is not Kind.NOT_FOUND or not isinstance(ref, ById):
                raise
            if await self._spool.keeps(ref.id):
                raise unavailable() from error  # the index lost it, and gets it back
            raise
        if isinstance(ref, ByNumber) and not ref.admits(task):
            raise GatewayError(Kind.NOT_FOUND, "there is no such task")
        return task

    async def list(self, owner: str | None, command: ListTasks) -> tuple[Task, ...]:
        """Tasks of one owner, or of all for None, newest first."""
        if command.limit < 0 or command.offset < 0:
            raise GatewayError(Kind.INVALID, "limit and offset must not be negative")
        found = await self._store.list(
            owner,
            command.states,
            from_ms=command.from_ms,
            to_ms=command.to_ms,
            dialect=command.dialect,
            limit=min(command.limit, self._config.limits.list_tasks),
            offset=command.offset,
        )
        return tuple(found)

    async def kill(self, task: Task, grace_seconds: float = -1.0) -> Task:
        """Makes the wish durable and tells the runner; a final task stays as it is."""
        if task.state.final:
            return task
        grace = self._config.runner.grace_seconds if grace_seconds < 0 else grace_seconds
        return await self._finish(self._kill(task, grace))

    async def delete(self, task: Task) -> Task:
        """Forgets a task with its output; an active one is stopped, and forgotten by the runner."""
        until = clock.now_ms() + self._config.retention.tombstone_seconds * 1000
        if not task.state.final:
            task = await self.kill(task)
        await self._finish(self._delete(task, until))
        return task

    async def _accept(self, owner: str, command: Execute, digest: str) -> Task:
        limits = self._config.limits
        number = await self._store.reserve(
            owner, QueueLimits(limits.queued_per_user, limits.queued_total), command.name
        )
        spec = self._spec(owner, command, number, digest)
        try:
            accepted = await self._spool.accept(spec)
        except GatewayError:
            await self._forgo(spec)
            raise
        if accepted.task_id != spec.task_id:
            await self._forgo(spec)
            return await self._repeated(accepted, digest)
        return await self._index(spec)

    async def _forgo(self, spec: TaskSpec) -> None:
        try:
            await self._store.forgo(spec.owner, spec.number, spec.name)
        except GatewayError:
            return  # the reservation ends by itself

    def _spec(self, owner: str, command: Execute, number: int, digest: str) -> TaskSpec:
        now = clock.now_ms()
        most, asked = self._config.runner.seconds, command.seconds
        longest = self._config.retention.task_seconds
        life = min(command.life_seconds or longest, longest)
        return TaskSpec(
            task_id=ids.new_task_id(now),
            number=number,
            owner=owner,
            engine=command.engine,
            language=command.language,
            code=command.code,
            created_ms=now,
            expires_ms=now + life * 1000,
            name=command.name,
            dialect=command.dialect,
            client=command.client,
            parameters=command.parameters,
            environment=command.environment,
            inputs=command.inputs,
            request_id=command.request_id,
            body_hash=digest,
            seconds=min(asked, most) if asked and most else asked or most,
            secrets=command.secrets,
            label=command.label,
            queue_seconds=command.queue_seconds,
            retries=command.retries,
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
            _log.warning("accepted without index", task=spec.task_id)
            return spec.task(TaskState.ACCEPTED)
        self._bell.queued()
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

    async def _kill(self, task: Task, grace: float) -> Task:
        await self._spool.wish_kill(task.id, grace)
        self._bell.kill(task.id)
        try:
            return await self._store.wish_kill(task.id, clock.now_ms())
        except GatewayError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
            return replace(task, state=TaskState.KILLING)

    async def _delete(self, task: Task, until_ms: int) -> None:
        # First for certain, so that nothing brings it back; the disk last, after the index.
        await self._spool.forget(task.id)
        await self._store.bury(task.id, until_ms, forget=True)
        await self._spool.remove(task.id)
        self._bell.queued()

    async def _finish(self, work: Coroutine[Any, Any, R]) -> R:
        """The result of work that goes on to its end even if this call is cancelled."""
        outcome = await asyncio.shield(self._group.create_task(_settled(work)))
        if isinstance(outcome, _Refused):
            raise outcome.error
        return outcome


async def _settled(work: Coroutine[Any, Any, R]) -> R | _Refused:
    """The result, or the refusal as a value: an error must not end the group that owns the task."""
    try:
        return await work
    except GatewayError as error:
        return _Refused(error)
    except OSError as error:
        _log.error("the spool refused an operation", error=type(error).__name__, code=error.errno)
        return _Refused(
            GatewayError(Kind.UNAVAILABLE, "the spool cannot be written", retry_after=5.0)
        )
