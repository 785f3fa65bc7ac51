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

from engines.rundir.directory import RunDir
from engines.rundir.facts import RunState, Started
from engines.rundir.requests import Control, event_bytes, read_control
from gateway.clock import monotonic, now_ms
from gateway.ids import is_task_id, time_of
from gateway.journal import journal
from gateway.runner.index.reindex_finished import ReindexFinished
from gateway.runner.live_runs import LiveRun
from gateway.runner.node import Node
from gateway.runner.run.classify_exit import is_forgotten
from gateway.runner.run.control import Controller
from gateway.runner.run.kill import Killer
from gateway.runner.run.quarantine import is_unreadable
from gateway.stores.allotment import Allotment, read_allotment
from gateway.stores.errors import TaskGone
from gateway.stores.spec import TaskSpec, decode_spec
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskId, TaskState

__all__ = ["Recovery"]

_STEP = 64
_BATCH = 512
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
    # That it stands still is told by who looks after it.
    RunState.SUSPENDED: TaskState.RUNNING,
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
    requested: bool
    control: Control
    allotment: Allotment | None

    def live(self) -> LiveRun:
        """What its supervisor starts from."""
        placed = self.run.placed()
        return LiveRun(
            self.spec.task_id, self.spec.owner, self.run, allotment=self.allotment, placed=placed
        )


class Recovery:
    """Makes live runs, queue and index agree with the spool.

    ``begin`` takes a run in and looks after it.
    """

    def __init__(
        self,
        node: Node,
        begin: Callable[[LiveRun], bool],
        killer: Killer,
        controller: Controller,
    ) -> None:
        self._node = node
        self._controller = controller
        self._sizes: dict[str, int] = {}
        self._begin = begin
        self._killer = killer
        self._reindex_finished = ReindexFinished(node)
        self._known: set[str] = set()
        self._unreadable: list[LiveRun] = []
        self._due: dict[str, int] = {}

    async def adopt(self) -> None:
        """Takes in every run that was started and is not out of the way. Needs no Redis."""
        async for found in self._live(await self._unattended()):
            if found.state is not RunState.ACCEPTED:
                self._begin(found.live())

    async def rebuild(self) -> None:
        """Makes the index agree with the spool, live runs first. Raises UNAVAILABLE."""
        await self.rebuild_live()
        async for _ in self.rebuild_rest():
            continue

    async def rebuild_live(self) -> None:
        """Makes the index agree with the spool on everything that is live. Raises UNAVAILABLE."""
        self._known.clear()
        if self._node.homes is not None:
            await self._node.homes.restore(await self._node.spool.claim_names())
        live = await self._node.spool.live_ids()
        await self._raise_number(live)
        for look in _steps(live, _BATCH):
            lacking = frozenset(await self._node.bulk_restore.absent(look, ended=False))
            async for found in self._live(look):
                # What is looked after is told by who does that, unless the index lost it.
                if found.spec.task_id in lacking or found.spec.task_id not in self._node.live_runs:
                    await self._restore(found)

    async def rebuild_rest(self) -> AsyncIterator[None]:
        """Makes it agree on what has ended and on what is gone, a bounded step for each item."""
        async for _ in self._reindex_finished.restore():
            yield

    async def audit(self) -> AsyncIterator[None]:
        """Brings back what somebody took out of the index, a bounded step for each item."""
        live = await self._node.spool.live_ids()
        known = [one for one in live if is_task_id(one) and _is_settled(one)]
        for step in _steps(known, _BATCH):
            async for found in self._live(await self._node.bulk_restore.absent(step, ended=False)):
                await self._restore(found)
            yield
        async for _ in self._reindex_finished.restore():
            yield

    async def run(self) -> None:
        """Patrols: finds what a lost notification, a dead gateway or a lost reply left behind."""
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
        if self._sizes:
            self._sizes = {one: self._sizes[one] for one in ids if one in self._sizes}
        self._end_overdue(ids)
        for step in _steps(ids, _STEP):
            for run_id in await asyncio.to_thread(self._requested, step):
                self._killer.ask(run_id)
            for run_id in await asyncio.to_thread(self._asked, step):
                self._controller.ask(run_id)
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
        now = self._node.clock_guard.now_ms()
        self._due = {one: self._due[one] for one in waiting if one in self._due}
        for run_id, due_ms in self._due.items():
            if due_ms <= now:
                self._killer.ask(run_id)

    async def _unattended(self) -> list[TaskId]:
        live_runs = self._node.live_runs
        ids = await self._node.spool.live_ids()
        return [one for one in ids if one not in live_runs and is_task_id(one)]

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
                requested = run.kill_request() is not None
                given = read_allotment(run) if spec.wants is not None else None
                state, control = run.state(), read_control(run)
                found.append(_Found(run, spec, state, run.started(), requested, control, given))
            except (OSError, GatewayError) as error:
                # Moved on meanwhile, or no run directory of ours: never a reason to stop.
                _journal.warning("run directory not readable", run=run_id, error=str(error))
                self._unreadable.append(LiveRun(run_id, "", run, counts=False))
        return found

    def _requested(self, ids: Sequence[TaskId]) -> list[TaskId]:
        runs = ((run_id, self._node.spool.find(run_id)) for run_id in ids)
        return [run_id for run_id, run in runs if run and run.kill_request() is not None]

    def _asked(self, ids: Sequence[TaskId]) -> list[TaskId]:
        """Those of which something was asked since the last look."""
        changed = []
        for run_id in ids:
            run = self._node.spool.find(run_id)
            size = event_bytes(run) if run is not None else 0
            if size != self._sizes.get(run_id, 0):
                self._sizes[run_id] = size
                changed.append(run_id)
        return changed

    async def _restore(self, found: _Found) -> None:
        """Brings the index and the queue in line with one live run, and takes it in if need be."""
        node, spec = self._node, found.spec
        attended = node.live_runs.find(spec.task_id)
        if is_forgotten(found.run):
            if attended is None:
                self._begin(found.live())
            return
        waits = found.state is RunState.ACCEPTED and attended is None
        state = _STATES.get(found.state, TaskState.STARTING)
        if waits or found.state is RunState.PLACED:
            state = TaskState.HELD if found.control.held else TaskState.QUEUED
        try:
            task = await node.tasks.restore(
                spec,
                node.epoch,
                state,
                at_ms=found.started.started_ms if found.started else now_ms(),
                started_ms=found.started.started_ms if found.started else 0,
                requeue=waits,
            )
            if found.control.size:
                task = await node.controls.show(spec.task_id, node.epoch, found.control, now_ms())
        except TaskGone:
            self._known.add(spec.task_id)
            return
        if attended is not None:
            attended.retell = True
            attended.notified.set()
        if waits and task.state in _WAITING and not found.requested:
            self._known.add(spec.task_id)
            if spec.due_ms:
                self._due[spec.task_id] = spec.due_ms
        elif attended is None:
            self._begin(found.live())

    async def _raise_number(self, live: Sequence[TaskId]) -> None:
        """Sees to it that no number is given again, whatever Redis has forgotten."""
        newest = [one for one in live if is_task_id(one)][-_NEWEST:]
        for day in await self._node.spool.done_days():
            newest += (await self._node.spool.done_ids(day))[:_NEWEST]
            if len(newest) >= _NEWEST:
                break
        largest = await asyncio.to_thread(self._largest_number, newest)
        given = await self._node.bulk_restore.raise_number(0)
        if self._node.numbers is not None:
            largest = max(largest, await asyncio.to_thread(self._node.numbers.lost, given))
        if largest > given:
            await self._node.bulk_restore.raise_number(largest + _MARGIN)

    def _largest_number(self, ids: Sequence[TaskId]) -> int:
        stones = next(
            self._node.spool.tombstones.steps(self._node.clock_guard.now_ms(), _NEWEST), ()
        )
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
