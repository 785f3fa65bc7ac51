"""Finding runs again: at the start, after a loss of Redis, and now and then in between.

It is a scan of the run directories and no replay of messages. Whatever it does may be done twice,
and interrupted anywhere. It never starts a process: a run that nobody is on goes back to the queue
or to its supervisor, which decide by the facts.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import NamedTuple

from engines.facts import RunState, Started
from engines.rundir import RunDir
from gateway.clock import monotonic, now_ms
from gateway.ids import is_task_id, time_of
from gateway.journal import journal
from gateway.runner.bygone import Bygone
from gateway.runner.kill import Killer
from gateway.runner.node import Node
from gateway.runner.quarantine import is_unreadable
from gateway.runner.roster import Live
from gateway.runner.verdict import is_forgotten
from gateway.stores.errors import TaskGone
from gateway.stores.spec import TaskSpec, decode_spec
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskId, TaskState

__all__ = ["Recovery"]

_STEP = 64
_LOOK = 512
_NEWEST = 512
"""Among so many of the newest tasks is the largest number of all that were accepted."""
_MARGIN = 1000
"""Numbers that may have been given out, and not yet be on record, when Redis lost its count."""
_PATROL_SECONDS = 2.0
_PATROL_SHARE = 20
"""A patrol rests at least so many times as long as it took: a long queue costs no more for it."""
_AGE_MS = 3000
"""A gateway indexes what it accepted within this time, or died."""
_STATES = {
    RunState.STARTING: TaskState.STARTING,
    RunState.RUNNING: TaskState.RUNNING,
    RunState.KILLING: TaskState.KILLING,
}
_WAITING = frozenset({TaskState.ACCEPTED, TaskState.QUEUED, TaskState.HELD})
_journal = journal(__name__)


class _Found(NamedTuple):
    """A live run directory as it was when it was read."""

    run: RunDir
    spec: TaskSpec
    state: RunState
    started: Started | None
    wished: bool


class Recovery:
    """Makes roster, queue and index agree with the spool.

    ``begin`` takes a run in and looks after it.
    """

    def __init__(self, node: Node, begin: Callable[[Live], bool], killer: Killer) -> None:
        self._node = node
        self._begin = begin
        self._killer = killer
        self._bygone = Bygone(node)
        self._known: set[str] = set()
        self._unreadable: list[Live] = []
        self._due: dict[str, int] = {}

    async def adopt(self) -> None:
        """Takes in every run that was started and is not out of the way. Needs no Redis."""
        async for found in self._live(await self._unattended()):
            if found.state is not RunState.ACCEPTED:
                self._begin(Live(found.spec.task_id, found.spec.owner, found.run))

    async def rebuild(self) -> None:
        """Makes the index agree with the spool, live runs first. Raises UNAVAILABLE."""
        await self.rebuild_live()
        async for _ in self.rebuild_rest():
            continue

    async def rebuild_live(self) -> None:
        """Makes the index agree with the spool on everything that is live. Raises UNAVAILABLE."""
        self._known.clear()
        live = await self._node.spool.live_ids()
        await self._raise_number(live)
        for look in _steps(live, _LOOK):
            lacking = frozenset(await self._node.revival.absent(look, ended=False))
            async for found in self._live(look):
                # What is looked after is told by who does that, unless the index lost it.
                if found.spec.task_id in lacking or found.spec.task_id not in self._node.roster:
                    await self._restore(found)

    async def rebuild_rest(self) -> AsyncIterator[None]:
        """Makes it agree on what has ended and on what is gone, a bounded step for each item."""
        async for _ in self._bygone.restore():
            yield

    async def audit(self) -> AsyncIterator[None]:
        """Brings back what somebody took out of the index, a bounded step for each item."""
        live = await self._node.spool.live_ids()
        known = [one for one in live if is_task_id(one) and _is_settled(one)]
        for step in _steps(known, _LOOK):
            async for found in self._live(await self._node.revival.absent(step, ended=False)):
                await self._restore(found)
            yield
        async for _ in self._bygone.restore():
            yield

    async def run(self) -> None:
        """Patrols: finds what a lost ring, a dead gateway or a lost reply left behind."""
        took = 0.0
        while True:
            await asyncio.sleep(max(_PATROL_SECONDS, took * _PATROL_SHARE))
            begun = monotonic()
            try:
                await self.patrol()
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE:
                    raise
            took = monotonic() - begun

    async def patrol(self) -> None:
        """Looks once at all live directories that nobody looks after."""
        await self._node.spool.tidy()
        ids = await self._unattended()
        self._known.intersection_update(ids)
        self._end_overdue(ids)
        for step in _steps(ids, _STEP):
            for run_id in await asyncio.to_thread(self._wished, step):
                self._killer.ask(run_id)
        unknown = [one for one in ids if one not in self._known and _is_settled(one)]
        async for found in self._live(unknown):
            await self._restore(found)

    def doubt(self, run_id: str) -> None:
        """Nobody knows whether the queue still has this task: the patrol makes sure."""
        self._known.discard(run_id)

    def _end_overdue(self, waiting: Sequence[TaskId]) -> None:
        """Has those ended that waited too long; only those that still wait are remembered."""
        if not self._due:
            return
        now = self._node.steady.now_ms()
        self._due = {one: self._due[one] for one in waiting if one in self._due}
        for run_id, due_ms in self._due.items():
            if due_ms <= now:
                self._killer.ask(run_id)

    async def _unattended(self) -> list[TaskId]:
        roster = self._node.roster
        ids = await self._node.spool.live_ids()
        return [one for one in ids if one not in roster and is_task_id(one)]

    async def _live(self, ids: Sequence[TaskId]) -> AsyncIterator[_Found]:
        for step in _steps(ids, _STEP):
            for found in await asyncio.to_thread(self._read_live, step):
                yield found
            unreadable, self._unreadable = self._unreadable, []
            for live in unreadable:
                if is_unreadable(live.run):
                    self._begin(live)

    def _read_live(self, ids: Sequence[TaskId]) -> list[_Found]:
        found = []
        for run_id in ids:
            run = self._node.spool.find(run_id)
            if run is None:
                continue
            try:
                spec = decode_spec(run.spec())
                wished = run.kill_wish() is not None
                found.append(_Found(run, spec, run.state(), run.started(), wished))
            except (OSError, GatewayError) as error:
                # Moved on meanwhile, or no run directory of ours: never a reason to stop.
                _journal.warning("run directory not readable", run=run_id, error=str(error))
                self._unreadable.append(Live(run_id, "", run, counts=False))
        return found

    def _wished(self, ids: Sequence[TaskId]) -> list[TaskId]:
        runs = ((run_id, self._node.spool.find(run_id)) for run_id in ids)
        return [run_id for run_id, run in runs if run and run.kill_wish() is not None]

    async def _restore(self, found: _Found) -> None:
        """Brings the index and the queue in line with one live run, and takes it in if need be."""
        node, spec = self._node, found.spec
        attended = spec.task_id in node.roster
        if is_forgotten(found.run):
            if not attended:
                self._begin(Live(spec.task_id, spec.owner, found.run))
            return
        waits = found.state is RunState.ACCEPTED and not attended
        state = _STATES.get(found.state, TaskState.STARTING)
        try:
            task = await node.tasks.restore(
                spec,
                node.epoch,
                TaskState.QUEUED if waits else state,
                at_ms=found.started.started_ms if found.started else now_ms(),
                started_ms=found.started.started_ms if found.started else 0,
                requeue=waits,
            )
        except TaskGone:
            self._known.add(spec.task_id)
            return
        if waits and task.state in _WAITING and not found.wished:
            self._known.add(spec.task_id)
            if spec.due_ms:
                self._due[spec.task_id] = spec.due_ms
        elif not attended:
            self._begin(Live(spec.task_id, spec.owner, found.run))

    async def _raise_number(self, live: Sequence[TaskId]) -> None:
        """Sees to it that no number is given again, whatever Redis has forgotten."""
        newest = [one for one in live if is_task_id(one)][-_NEWEST:]
        for day in await self._node.spool.done_days():
            newest += (await self._node.spool.done_ids(day))[:_NEWEST]
            if len(newest) >= _NEWEST:
                break
        largest = await asyncio.to_thread(self._largest_number, newest)
        if largest > await self._node.tasks.raise_number(0):
            await self._node.tasks.raise_number(largest + _MARGIN)

    def _largest_number(self, ids: Sequence[TaskId]) -> int:
        stones = next(self._node.spool.tombstones.steps(self._node.steady.now_ms(), _NEWEST), ())
        largest = max((stone.number for stone in stones), default=0)
        for run_id in ids:
            run = self._node.spool.find(run_id)
            if run is not None:
                with contextlib.suppress(OSError, GatewayError):
                    largest = max(largest, decode_spec(run.spec()).number)
        return largest


def _is_settled(task_id: TaskId) -> bool:
    """Whether nobody can be indexing a task any more; one of the future is from before a jump."""
    return abs(now_ms() - time_of(task_id)) > _AGE_MS


def _steps(ids: Sequence[TaskId], size: int) -> Iterator[Sequence[TaskId]]:
    """The ids in portions."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
