"""The index of tasks: records, names, lists, limits and the runner's sign of life.

It holds nothing that cannot be rebuilt from the spool. While no runner has vouched for it, a task
that is not found is answered as unavailable and never as unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gateway.stores import keys
from gateway.stores.errors import LogGap
from gateway.stores.link import Link, Value, unavailable
from gateway.stores.records import (
    PLACES,
    SOURCES,
    encode_meta,
    encode_outcome,
    encode_progress,
    refuse,
    task_of,
)
from gateway.stores.replies import integer, items, text
from gateway.stores.scripting import TaskScripts
from gateway.stores.spec import TaskSpec
from gateway.stores.tombstones import Tombstone
from protocol.errors import GatewayError, Kind
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

__all__ = ["NO_EPOCH", "Ending", "QueueLimits", "TaskStore", "Word"]

NO_EPOCH = -1
"""The epoch of a writer that is no runner, such as a gateway."""

_LOOK = 500
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


class Word(StrEnum):
    """What a runner says of the index: how much of the spool it agrees with.

    With PARTIAL tasks that have ended may still be missing: an unknown one is unavailable.
    """

    REBUILDING = "rebuilding"
    PARTIAL = "partial"
    WHOLE = "whole"

    def said(self, epoch: int, server_run: str) -> str:
        """The word as it lies in Redis; only with the server's run in it does it vouch."""
        return f"{epoch} {'-' if self is Word.REBUILDING else server_run} {self}"


class TaskStore:
    """The tasks as everybody sees them.

    Args:
        link: the way to Redis.
        tombstone_seconds: how long after its expiry a final task's record stays in Redis at most.
    """

    def __init__(self, link: Link, *, tombstone_seconds: int = 7 * 86_400) -> None:
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
                "reserve", owner, limits.per_user, limits.total, name, _RESERVATION_MS
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
                    retry_after=1.0,
                )
            case status:
                raise refuse(status, reply)

    async def forgo(self, owner: str, number: int, name: str = "") -> None:
        """Gives back the place of a number that will not become a task."""
        await self._scripts.run("forgo", owner, number, name)

    async def index(self, spec: TaskSpec) -> Task:
        """Makes an accepted task known and queues it; repeating it answers the task as it is.

        Raises CONFLICT if another task of the owner has the name, TaskGone if it is buried.
        """
        return await self._place(spec, NO_EPOCH, TaskState.QUEUED, spec.created_ms)

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
                reply = await self._scripts.run("read", "id", task_id)
            case ByNumber(number):
                reply = await self._scripts.run("read", "number", number)
            case ByName(owner, name):
                reply = await self._scripts.run("read", "name", owner, name)
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
                    owner or "",
                    below,
                    _LOOK,
                    limit - len(tasks),
                    wanted,
                    from_ms,
                    to_ms,
                    dialect,
                    skip,
                    first_number,
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
                    owner or "",
                    below,
                    min(_COUNT, left),
                    wanted,
                    from_ms,
                    to_ms,
                    dialect,
                    first_number,
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
                task_id,
                epoch,
                state.value,
                SOURCES[state],
                PLACES[state],
                at_ms,
                encode_outcome(outcome),
                self._keep_ms,
                keys.BELL,
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
                task_id,
                epoch,
                owner,
                ending.started_ms,
                SOURCES[TaskState.RUNNING],
                ending.state.value,
                SOURCES[ending.state],
                ending.ended_ms,
                encode_outcome(ending.outcome),
                self._keep_ms,
                keys.BELL,
                ending.last_line,
                int(sent),
                max(1, int(ending.log_seconds * 1000)),
            )
        )
        if reply[0] == b"behind":
            raise LogGap(0, Cursor(1))
        return task_of(reply)

    async def wish_kill(self, task_id: TaskId, at_ms: int) -> Task:
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
                "bury", task_id, epoch, until_ms, int(forget), keys.BELL, "", 0, ""
            )
        )
        _expect_ok(reply)

    async def restore_tombstone(self, stone: Tombstone, epoch: int) -> None:
        """Makes a task that was buried answered as gone again, if the index lost that."""
        reply = items(
            await self._scripts.run(
                "bury",
                stone.task_id,
                epoch,
                stone.until_ms,
                0,
                keys.BELL,
                stone.owner,
                stone.number,
                stone.name,
            )
        )
        _expect_ok(reply)

    async def due(self, now_ms: int, limit: int = 100) -> Sequence[TaskId]:
        """Tasks whose time has passed, whatever their state, the longest overdue first."""
        reply = await self._link.call(
            "ZRANGEBYSCORE", keys.EXPIRY.key(), "-inf", now_ms, "LIMIT", 0, limit
        )
        return [TaskId(text(item)) for item in items(reply)]

    async def raise_number(self, floor: int) -> int:
        """Makes sure that no number up to the floor is given again; the last one given."""
        return integer(await self._scripts.run("raise", floor))

    async def newest_epoch(self) -> int:
        """The newest epoch that any runner has written with, 0 if none is known."""
        return integer(await self._link.call("GET", keys.EPOCH.key()))

    async def rebuild(self, epoch: int, seconds: float = 60.0) -> Word:
        """Says that the index is about to be rebuilt; answers what is said meanwhile.

        Nobody vouches for it, unless another runner did until now: then its live part was right.
        """
        run = await self._link.server_run()
        words = (word.said(epoch, run) for word in (Word.PARTIAL, Word.REBUILDING))
        reply = items(await self._scripts.run("rebuild", epoch, run, *words, int(seconds * 1000)))
        _expect_ok(reply)
        return Word(text(reply[1]).rpartition(" ")[2])

    async def ready(self, epoch: int, seconds: float = 10.0) -> None:
        """Vouches for the index: it agrees with the spool. From now on tasks are accepted."""
        await self._beat(epoch, seconds, Word.WHOLE, None)

    async def vouched(self) -> None:
        """Raises UNAVAILABLE while no runner vouches for the index, be it for a part of it."""
        word = text(await self._link.call("GET", keys.READY.key()))
        if await self._link.server_run() not in word:
            raise unavailable()

    async def beat(
        self,
        epoch: int,
        seconds: float = 10.0,
        word: Word = Word.WHOLE,
        *,
        before: Word | None = None,
    ) -> bool:
        """Prolongs what was said, or goes on from ``before`` to another word.

        False if Redis was emptied, restarted or mended since: then no task is accepted until the
        index is rebuilt and vouched for again.
        """
        return await self._beat(epoch, seconds, word, word if before is None else before)

    async def _beat(self, epoch: int, seconds: float, word: Word, before: Word | None) -> bool:
        run = await self._link.server_run()
        was = "" if before is None else before.said(epoch, run)
        life = int(seconds * 1000)
        reply = items(await self._scripts.run("beat", epoch, word.said(epoch, run), life, was))
        if text(reply[0]) == "lost":
            return False
        _expect_ok(reply)
        return True

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
                "place",
                spec.task_id,
                spec.number,
                spec.owner,
                spec.name,
                encode_meta(spec),
                spec.created_ms,
                spec.dialect,
                spec.expires_ms,
                epoch,
                state.value,
                SOURCES[state],
                PLACES[state],
                at_ms,
                encode_outcome(outcome),
                self._keep_ms,
                started_ms,
                keys.BELL,
                int(requeue),
            )
        )

    async def _note(self, task_id: TaskId, epoch: int, what: str, value: Value) -> Task:
        return task_of(await self._scripts.run("note", task_id, epoch, keys.BELL, what, value))


def _sound(reply: object) -> Task | None:
    """The task of a listed record; None for one that is damaged or went away meanwhile."""
    try:
        return task_of(reply)
    except GatewayError:
        return None


def _expect_ok(reply: Sequence[object]) -> None:
    status = text(reply[0])
    if status != "ok":
        raise refuse(status, reply)
