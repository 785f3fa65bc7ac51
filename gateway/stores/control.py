"""What is asked of a task besides its end: in its run directory, which is the truth, and as shown.

Requests are appended under locks of the run directory (see ``engines.rundir.requests``). Threads of
their own, so that a slow disk never makes them wait behind reading.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from engines.rundir.directory import EVENTS, RunDir
from engines.rundir.facts import Exit, KillRequest, RunState, ShimFact, Started
from engines.rundir.requests import (
    Control,
    RunEvent,
    TooManyEvents,
    read_control,
    read_events,
    request,
)
from gateway.stores import keys
from gateway.stores.records import SOURCES, task_of
from gateway.stores.redis_client import RedisClient
from gateway.stores.scripting import TaskScripts
from protocol.errors import GatewayError, Kind
from protocol.tasks import Task, TaskId, TaskState

__all__ = ["ControlFiles", "ControlStore", "Decide", "History", "RunFacts"]

T = TypeVar("T")

_THREADS = 4


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a request is decided by.

    The state of the run, whether anybody is known to be on it, whether that is a session, and
    whether the run is to be killed, which a waiting one is before anybody is on it.
    """

    state: RunState
    begun: bool = False
    session: bool = False
    killed: bool = False


Decide = Callable[[RunFacts, Control], RunEvent | None]
"""The event to append, None for none; raises a GatewayError to refuse. Called in a thread."""


@dataclass(frozen=True, slots=True)
class History:
    """Everything that is on record of how a run went."""

    events: tuple[RunEvent, ...] = ()
    kill_request: KillRequest | None = None
    shim: ShimFact | None = None
    started: Started | None = None
    ending: Exit | None = None


class ControlFiles:
    """The requests in run directories.

    Args:
        find: the directory of a run by its id, None if there is none (any more); may block.
    """

    def __init__(self, find: Callable[[TaskId], RunDir | None]) -> None:
        self._find = find
        self._threads = ThreadPoolExecutor(_THREADS, "control")

    def close(self) -> None:
        """Ends the threads when they are done."""
        self._threads.shutdown(wait=False)

    async def ask(
        self, task_id: TaskId, decide: Decide, *, unstarted: bool = False
    ) -> tuple[Control, RunState] | None:
        """Makes a request durable and wakes the shim; what holds then, None if the run is gone.

        Raises:
            GatewayError: the refusal of ``decide``; CONFLICT if the run is just being started,
                EXHAUSTED if too much was asked of it, UNAVAILABLE if the disk refuses.
        """

        def ask(run: RunDir) -> tuple[Control, RunState]:
            try:
                held = request(
                    run, lambda control: decide(facts_of(run), control), unstarted=unstarted
                )
            except BlockingIOError:
                decide(facts_of(run), read_control(run))  # may know a better reason
                raise
            run.notify()
            return held, run.state()

        try:
            return await self._twice(task_id, ask)
        except TooManyEvents as error:
            raise GatewayError(
                Kind.EXHAUSTED, "too much was asked of this task; it can only be killed"
            ) from error
        except BlockingIOError as error:
            raise GatewayError(
                Kind.CONFLICT, "the task is just being started", retry_after=1.0
            ) from error

    async def state(self, task_id: TaskId) -> RunState | None:
        """The state of the run, None if it is gone."""
        return await self._twice(task_id, RunDir.state)

    async def control(self, task_id: TaskId) -> Control | None:
        """What holds for a run, None if it is gone."""
        return await self._twice(task_id, read_control)

    async def history(self, task_id: TaskId) -> History | None:
        """All that is on record, None if the run is gone."""

        def read(run: RunDir) -> History:
            ending = run.exit()
            events, _ = read_events(run.file(EVENTS))
            return History(tuple(events), run.kill_request(), run.shim(), run.started(), ending)

        return await self._twice(task_id, read)

    async def _twice(self, task_id: TaskId, work: Callable[[RunDir], T]) -> T | None:
        """Does it where the run is; looks twice, since a run moves once when it is put away."""

        def go() -> T | None:
            for _ in range(2):
                run = self._find(task_id)
                if run is None:
                    return None
                try:
                    done = work(run)
                except FileNotFoundError:
                    continue
                if Path(run.path).is_dir():
                    return done
            return None

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, go)
        except BlockingIOError:
            raise
        except OSError as error:
            what = "is full" if error.errno == errno.ENOSPC else "refuses"
            raise GatewayError(
                Kind.UNAVAILABLE, f"the disk of the gateway {what} at the moment", retry_after=5.0
            ) from error


class ControlStore:
    """What everybody is shown of it.

    Args:
        link: the way to Redis.
        tombstone_seconds: how long after its expiry a final task's record stays in Redis at most.
    """

    def __init__(self, link: RedisClient, *, tombstone_seconds: int = 7 * 86_400) -> None:
        self._scripts = TaskScripts(link)
        self._keep_ms = tombstone_seconds * 1000

    async def show(self, task_id: TaskId, epoch: int, control: Control, at_ms: int) -> Task:
        """Shows what holds, unless something newer is shown; the task as it then is.

        Raises StaleEpoch if a newer runner has written.
        """
        return task_of(
            await self._scripts.run(
                "control",
                id=task_id,
                epoch=epoch,
                channel=keys.NOTIFICATIONS,
                size=control.size,
                held=int(control.held),
                tags=msgspec.msgpack.encode(control.tags),
                seconds="" if control.seconds is None else repr(control.seconds),
                at_ms=at_ms,
                keep_ms=self._keep_ms,
                held_sources=SOURCES[TaskState.HELD],
            )
        )


def facts_of(run: RunDir) -> RunFacts:
    """The state of a run, for who decides about a request."""
    shim = run.shim()
    session = shim is not None and bool(shim.session)
    return RunFacts(run.state(), run.begun(), session, run.kill_request() is not None)
