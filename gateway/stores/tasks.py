"""The index of tasks: records, names, lists and limits.

It holds nothing that cannot be rebuilt from the spool. While no runner holds its lease, a task
that is not found is answered as unavailable and never as unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.stores import keys
from gateway.stores.demand import demand_of
from gateway.stores.errors import LogGap
from gateway.stores.records import (
    QUEUE_MEMBERSHIP,
    SOURCES,
    encode_meta,
    encode_outcome,
    encode_progress,
    expect_ok,
    refuse,
    task_of,
)
from gateway.stores.redis_client import RedisClient, Value
from gateway.stores.replies import integer, items, text
from gateway.stores.scripting import TaskScripts
from gateway.stores.spec import TaskSpec
from protocol.errors import GatewayError, Kind, Subject
from protocol.logs import Cursor
from protocol.tasks import (
    ById,
    ByName,
    ByNumber,
    Outcome,
    Progress,
    Task,
    TaskId,
    TaskRef,
    TaskState,
)

__all__ = ["NO_EPOCH", "Ending", "QueueLimits", "TaskStore"]

NO_EPOCH = -1
"""The epoch of a writer that is no runner, such as a gateway."""

_BATCH = 500
_COUNT = 2000
_RESERVATION_MS = 60_000


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many tasks may wait, 0 for any number."""

    per_user: int = 0
    total: int = 0


class Ending(NamedTuple):
    """How a run ended and where its log did.

    ``started_ms`` is 0 if it never ran; the log stays in Redis for ``log_seconds`` more.
    """

    state: TaskState
    outcome: Outcome
    started_ms: int
    ended_ms: int
    last_line: int
    log_seconds: float


class TaskStore:
    """The tasks as everybody sees them.

    Args:
        link: the way to Redis.
        tombstone_seconds: how long after its expiry a final task's record stays in Redis at most.
    """

    def __init__(self, link: RedisClient, *, tombstone_seconds: int = 7 * 86_400) -> None:
        self._link = link
        self._scripts = TaskScripts(link)
        self._keep_ms = tombstone_seconds * 1000

    async def reserve(self, owner: str, limits: QueueLimits, name: str = "") -> int:
        """The number for a new task, and its place in the queue for a minute.

        Raises EXHAUSTED if the queue is full, UNAVAILABLE while no runner is there, CONFLICT if
        another task of the owner has the name. A number that is not used is never given again.
        """
        reply = items(
            await self._scripts.run(
                "reserve",
                owner=owner,
                per_user=limits.per_user,
                total=limits.total,
                name=name,
                life=_RESERVATION_MS,
            )
        )
        match text(reply[0]):
            case "number":
                return integer(reply[1])
            case "full":
                whose = "of all users" if reply[1] == b"" else f"of user {owner}"
                raise GatewayError(
                    Kind.EXHAUSTED,
                    f"{integer(reply[2])} tasks {whose} are waiting already",
                    subject=Subject.QUEUE,
                    retry_after=1.0,
                )
            case status:
                raise refuse(status, reply)

    async def cancel_reservation(self, owner: str, number: int, name: str = "") -> None:
        """Gives back the place of a number that will not become a task."""
        await self._scripts.run("cancel_reservation", owner=owner, number=number, name=name)

    async def index(self, spec: TaskSpec) -> Task:
        """Makes an accepted task known and queues it, unless it is held.

        Repeating it answers the task as it is.

        Raises CONFLICT if another task of the owner has the name, TaskGone if it is buried.
        """
        state = TaskState.HELD if spec.hold else TaskState.QUEUED
        return await self._place(spec, NO_EPOCH, state, spec.created_ms)

    async def restore(
        self,
        spec: TaskSpec,
        epoch: int,
        state: TaskState,
        *,
        at_ms: int = 0,
        started_ms: int = 0,
        outcome: Outcome | None = None,
        requeue: bool = False,
    ) -> Task:
        """Makes the index agree with the facts of a run, from nothing or from an earlier state.

        ``at_ms`` is when it ended, for a final state. ``requeue`` puts a task back that was taken
        from the queue by a runner that never started it. Unlike index, it is never refused for its
        name: the task was accepted.
        """
        return await self._place(
            spec,
            epoch,
            state,
            at_ms,
            started_ms=started_ms,
            outcome=outcome,
            requeue=requeue,
        )

    async def read(self, ref: TaskRef) -> Task:
        """The task as it is. Raises NOT_FOUND, TaskGone, or UNAVAILABLE while nobody can know."""
        match ref:
            case ById(task_id):
                reply = await self._scripts.run("read", by="id", value=task_id, owner="")
            case ByNumber(number):
                reply = await self._scripts.run("read", by="number", value=number, owner="")
            case ByName(owner, name):
                reply = await self._scripts.run("read", by="name", value=name, owner=owner)
        return task_of(reply)

    async def list(
        self,
        owner: str | None = None,
        states: Collection[TaskState] = (),
        *,
        from_ms: int = 0,
        to_ms: int = 0,
        dialect: str = "",
        first_number: int = 0,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Task]:
        """Tasks, newest first, in steps of bounded work. Records that are damaged are left out."""
        wanted = f",{','.join(states)}," if states else ""
        tasks: list[Task] = []
        below, skip = "+inf", offset
        while below and len(tasks) < limit:
            reply = items(
                await self._scripts.run(
                    "list",
                    owner=owner or "",
                    below=below,
                    look=_BATCH,
                    give=limit - len(tasks),
                    states=wanted,
                    from_ms=from_ms,
                    to_ms=to_ms,
                    dialect=dialect,
                    skip=skip,
                    least=first_number,
                )
            )
            below, skip = text(reply[0]), integer(reply[1])
            tasks.extend(task for task in map(_sound, items(reply[2])) if task)
        return tasks

    async def count(
        self,
        owner: str | None = None,
        states: Collection[TaskState] = (),
        *,
        from_ms: int = 0,
        to_ms: int = 0,
        dialect: str = "",
        first_number: int = 0,
        most: int = 20_000,
    ) -> int:
        """How many tasks fit, among the newest ``most``."""
        wanted = f",{','.join(states)}," if states else ""
        below, total, left = "+inf", 0, most
        while below and left > 0:
            reply = items(
                await self._scripts.run(
                    "count",
                    owner=owner or "",
                    below=below,
                    look=min(_COUNT, left),
                    states=wanted,
                    from_ms=from_ms,
                    to_ms=to_ms,
                    dialect=dialect,
                    least=first_number,
                )
            )
            below, total, left = text(reply[0]), total + integer(reply[1]), left - _COUNT
        return total

    async def advance(
        self,
        task_id: TaskId,
        epoch: int,
        state: TaskState,
        at_ms: int,
        outcome: Outcome | None = None,
    ) -> Task:
        """Moves a task to another state if TRANSITIONS allow it; answers the task as it then is.

        Raises StaleEpoch if a newer runner has written.
        """
        return task_of(
            await self._scripts.run(
                "advance",
                id=task_id,
                epoch=epoch,
                state=state.value,
                sources=SOURCES[state],
                place=QUEUE_MEMBERSHIP[state],
                at_ms=at_ms,
                outcome=encode_outcome(outcome),
                keep_ms=self._keep_ms,
                channel=keys.NOTIFICATIONS,
            )
        )

    async def conclude(
        self, task_id: TaskId, owner: str, epoch: int, ending: Ending, *, sent: bool
    ) -> Task:
        """Shows all of a run's end at once, and gives up its slot; the task as it then is.

        ``sent`` says that the end of the log was sent just before, without waiting for an answer:
        if it is not there, nothing is shown.

        Raises:
            LogGap: the end of the log that was sent did not arrive.
            StaleEpoch: a newer runner has written.
        """
        reply = items(
            await self._scripts.run(
                "conclude",
                id=task_id,
                epoch=epoch,
                owner=owner,
                started=ending.started_ms,
                running_sources=SOURCES[TaskState.RUNNING],
                state=ending.state.value,
                sources=SOURCES[ending.state],
                ended=ending.ended_ms,
                outcome=encode_outcome(ending.outcome),
                keep_ms=self._keep_ms,
                channel=keys.NOTIFICATIONS,
                last=ending.last_line,
                sent=int(sent),
                log_life=max(1, int(ending.log_seconds * 1000)),
            )
        )
        if reply[0] == b"behind":
            raise LogGap(0, Cursor(1))
        return task_of(reply)

    async def request_kill(self, task_id: TaskId, at_ms: int) -> Task:
        """Shows that a task is to end; a final one stays as it is."""
        return await self.advance(task_id, NO_EPOCH, TaskState.KILLING, at_ms)

    async def set_progress(self, task_id: TaskId, epoch: int, progress: Progress) -> Task:
        """Shows how much is done; changes nothing once the task is final."""
        return await self._note(task_id, epoch, "progress", encode_progress(progress))

    async def complete_log(self, task_id: TaskId, epoch: int, last_line: int) -> Task:
        """Shows that the log has ended with that line and that all of it can be read."""
        return await self._note(task_id, epoch, "complete", last_line)

    async def bury(
        self, task_id: TaskId, until_ms: int, *, forget: bool = False, epoch: int = NO_EPOCH
    ) -> None:
        """Takes a task out of the index; until then it is answered as gone, or, if to forget, not.

        Repeating it, or burying an unknown one, changes nothing.
        """
        reply = items(
            await self._scripts.run(
                "bury",
                id=task_id,
                epoch=epoch,
                until_ms=until_ms,
                forget=int(forget),
                channel=keys.NOTIFICATIONS,
                owner="",
                number=0,
                name="",
            )
        )
        expect_ok(reply)

    async def due(self, now_ms: int, limit: int = 100) -> Sequence[TaskId]:
        """Tasks whose time has passed, whatever their state, the longest overdue first."""
        reply = await self._link.call(
            "ZRANGEBYSCORE", self._link.key(keys.EXPIRY), "-inf", now_ms, "LIMIT", 0, limit
        )
        return [TaskId(text(item)) for item in items(reply)]

    async def _place(
        self,
        spec: TaskSpec,
        epoch: int,
        state: TaskState,
        at_ms: int,
        *,
        started_ms: int = 0,
        outcome: Outcome | None = None,
        requeue: bool = False,
    ) -> Task:
        return task_of(
            await self._scripts.run(
                "upsert_task",
                id=spec.task_id,
                number=spec.number,
                owner=spec.owner,
                name=spec.name,
                meta=encode_meta(spec),
                created=spec.created_ms,
                dialect=spec.dialect,
                expires=spec.expires_ms,
                epoch=epoch,
                state=state.value,
                sources=SOURCES[state],
                place=QUEUE_MEMBERSHIP[state],
                at_ms=at_ms,
                outcome=encode_outcome(outcome),
                keep_ms=self._keep_ms,
                started=started_ms,
                channel=keys.NOTIFICATIONS,
                requeue=int(requeue),
                demand=demand_of(spec),
            )
        )

    async def _note(self, task_id: TaskId, epoch: int, what: str, value: Value) -> Task:
        return task_of(
            await self._scripts.run(
                "update_field",
                id=task_id,
                epoch=epoch,
                channel=keys.NOTIFICATIONS,
                field=what,
                value=value,
            )
        )


def _sound(reply: object) -> Task | None:
    """The task of a listed record; None for one that is damaged or went away meanwhile."""
    try:
        return task_of(reply)
    except GatewayError:
        return None
