"""Runs that are handed to a place: submitted, followed, and ended when nothing is left of them.

What a run does is told by its porter, over the landing. The place is asked for two things only: why
something waits, and whether a run of which nothing is heard may be called lost. That is said only
if the place says that the job is over, or knows none, nothing was heard for long enough, and a job
sent to the same machine found nothing. Runs that start together are one job of the place.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from engines.contract import EngineError, RunSpec
from engines.place import (
    Grant,
    JobState,
    Place,
    PlaceAway,
    Placement,
    PlaceRefused,
    Standing,
    granted,
    handles,
    note_handle,
    placement,
    put,
)
from engines.rundir.directory import RunDir
from engines.rundir.facts import Exit, ExitKind, RunState
from engines.rundir.requests import event_bytes, read_control
from gateway.clock import monotonic, now_ms
from gateway.config import SlurmSettings
from gateway.journal import journal
from gateway.runner.live_runs import LiveRun, LiveRuns
from gateway.runner.run.handed import Handed, PlacedJob, lost, waiting_reason
from gateway.runner.run.landing import Landing
from gateway.runner.run.member_words import MemberWords, Peer, with_words
from gateway.runner.run.placed_jobs import PlacedJobs
from gateway.runner.run.placed_order import (
    AGAIN,
    PlacedOrder,
    placed_order,
    unplaceable,
)
from gateway.runner.run.placed_ticket import Tickets
from gateway.runner.run.timeout_executor import TimeoutExecutor
from gateway.stores.run_folders import RunFolders
from gateway.stores.spec import TaskSpec, decode_spec
from protocol.errors import GatewayError, Kind

__all__ = ["PlacedRuns"]

_ORDER_SECONDS = 300.0
_MOST_JOBS = 5
"""Jobs for one run: a controller that forgets them again and again gets no more."""
_UNKNOWN_SECONDS = 15.0
"""A job that the place does not know for so long after it was submitted was forgotten there."""
_KILL_SECONDS = 15.0
"""Past the grace of a kill the place is asked to end the job as well."""
_POLL_SECONDS = 2.0

_journal = journal(__name__)


class PlacedRuns:
    """The place of this node and its landing.

    Args:
        place: the place.
        settings: how it is used.
        order: what an engine is told of a run, made with its input files; raises GatewayError,
            OSError.
        engine: the ``module:class`` of an engine by its name, and its settings.
        peers: the members of the group of a task, in their order; blocks, raises GatewayError.
        ports: the first and the last of the ports that tasks are given.
        result_bytes: how much of result sets is taken for a run, 0 for any amount.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a composition: each is one thing, named where it is made
        self,
        place: Place,
        settings: SlurmSettings,
        live_runs: LiveRuns,
        runs: RunFolders,
        order: Callable[[RunDir, TaskSpec], RunSpec],
        engine: Callable[[str], tuple[str, Mapping[str, object]]],
        peers: Callable[[TaskSpec], Sequence[Peer]],
        ports: tuple[int, int],
        result_bytes: int = 0,
    ) -> None:
        self.name = place.name
        """What the place is called."""
        self._settings = settings
        self._live_runs = live_runs
        self._order = order
        self._engine = engine
        self._jobs = PlacedJobs(place, settings.look_seconds, self._looked)
        self._orders = TimeoutExecutor(_ORDER_SECONDS, width=4, own=(GatewayError, OSError))
        self._member_words = MemberWords(peers, runs)
        self._handed: dict[str, Handed] = {}
        self._gangs: dict[str, PlacedJob] = {}
        self._tickets = Tickets(settings, ports)
        self.landing = Landing(
            settings.listen or settings.landing,
            Path(settings.certificate) if settings.certificate else None,
            runs,
            live_runs,
            self._ordered,
            result_bytes,
        )

    def takes(self, queue: str) -> bool:
        """Whether tasks of a queue go to the place."""
        return queue in self._settings.queues

    def room(self) -> tuple[int, Counter[str]]:
        """How many more runs may be handed over, and how many each user has there."""
        users = Counter(live.owner for live in self._live_runs if live.placed)
        return self._settings.submitted_total - users.total(), users

    @property
    def per_user(self) -> int:
        """How many runs of one user are handed over at most."""
        return self._settings.submitted_per_user

    def reasons(self) -> dict[str, str]:
        """Why those wait that were handed over and not begun, by run."""
        return {run_id: handed.reason for run_id, handed in self._handed.items() if handed.reason}

    async def run(self) -> None:
        """Listens for porters, and asks the place how things stand, until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.landing.run())
            group.create_task(self._jobs.run())

    def _looked(self) -> None:
        for run_id in self._handed:
            self._live_runs.notify(run_id)

    # Handing over

    def hand_over(self, run: RunDir) -> bool:
        """States that a run belongs to the place, if nothing speaks against it now. Blocks."""
        lock = run.take()
        if lock is None:
            return False
        try:
            refused = run.begun() or run.exit() is not None or run.kill_request() is not None
            if refused or read_control(run).held:
                return False
            put(run, self.name)
            return True
        finally:
            os.close(lock)

    def leave(self, run: RunDir) -> None:
        """The run has ended: a job that waits for it alone is called off."""
        self.landing.forget(run.run_id)
        self._member_words.forget(run.run_id)
        handed = self._handed.pop(run.run_id, None)
        if handed is None:
            return
        job = handed.job
        job.begun = job.begun or run.begun()
        job.members.discard(run.run_id)
        if not job.members:
            self._gangs.pop(job.gang, None)
            if not job.begun:
                self._jobs.call_off(job.handles)

    async def follow(self, live: LiveRun, spec: TaskSpec, state: RunState) -> None:
        """Does what is to be done for a run that was handed over; waits if it was not begun.

        Raises OSError if the disk refuses, GatewayError if its group cannot be read.
        """
        handed = self._handed.get(live.run_id) or await self._taken(live, spec)
        if state is RunState.PLACED:
            await self._wait(live.run, handed)
            if live.run.state() is RunState.PLACED:
                await live.wait(_POLL_SECONDS)
            return
        handed.reason = ""
        handed.job.begun = True
        self.landing.tell(live.run)
        await self._change(live.run, handed)
        if state is RunState.KILLING:
            await self._press(live.run, handed)
        if self.landing.silence(live.run_id) > self._settings.silence_seconds:
            await self._search(live.run, handed)

    async def _taken(self, live: LiveRun, spec: TaskSpec) -> Handed:
        """What is known of a run from now on."""
        known = await asyncio.to_thread(handles, live.run)
        job = PlacedJob(live.run_id)
        if spec.gang:
            peers = await asyncio.to_thread(self._member_words.peers, spec)
            name = peers[0].task_id if peers else live.run_id
            job = self._gangs.setdefault(spec.gang, PlacedJob(name, spec.gang))
        job.members.add(live.run_id)
        job.handles += [one for one in known if one not in job.handles]
        handed = self._handed[live.run_id] = Handed(spec, live.run, job)
        return handed

    async def _wait(self, run: RunDir, handed: Handed) -> None:
        """A step of a run that the place has not started."""
        job = handed.job
        if run.kill_request() is not None:
            await asyncio.to_thread(run.call_off)
            return
        if not job.handles:
            if monotonic() >= job.again and not job.busy:
                await self._submit(run, handed)
            return
        if run.run_id == min(job.members):
            await self._jobs.hold(job, wanted=await asyncio.to_thread(self._is_held, job))
        await self._change(run, handed)
        jobs = self._jobs.standings(job)
        if jobs is None:
            handed.reason = f"{self.name} cannot be asked: {self._jobs.picture.away}"
        elif alive := [one for one in jobs if one.word is not JobState.OVER]:
            handed.reason = waiting_reason(self.name, alive[0])
        elif jobs:
            await self._over(run, jobs[-1])
        elif self._jobs.picture.asked - job.submitted > _UNKNOWN_SECONDS and not job.busy:
            # An acknowledged job that the controller forgot. If it starts all the same, the grant
            # sees to it that only one does.
            if len(job.handles) >= _MOST_JOBS or job.begun:
                await self._end(run, f"{self.name} does not know the job, again and again")
            else:
                _journal.warning("job is not known to the place", run=run.run_id)
                await self._submit(run, handed)

    def _is_held(self, job: PlacedJob) -> bool:
        """Whether a run of a job is not to be started. Blocks."""
        known = [self._handed[one].run for one in sorted(job.members) if one in self._handed]
        return any(read_control(run).held for run in known)

    async def _submit(self, run: RunDir, handed: Handed) -> None:
        """Hands a run to the place, with all that start together with it once they are here."""
        spec, job = handed.spec, handed.job
        job.busy = True
        try:
            peers = await asyncio.to_thread(self._member_words.peers, spec) if spec.group else ()
            if why := unplaceable(spec, len(peers)):
                await self._end(run, f"{why} cannot run in {self.name}")
                return
            together = await self._together(handed, peers)
            if together is None:
                handed.reason = "it waits for the others of its group"
                return
            await self._submit_all(job, together)
        finally:
            job.busy = False

    async def _together(self, handed: Handed, peers: Sequence[Peer]) -> list[Handed] | None:
        """All that start with a run and have not ended; None while one of them is not here."""
        if not handed.spec.gang:
            return [handed]
        found = []
        for _, task_id in peers:
            one = self._handed.get(task_id)
            if one is not None and one.job is handed.job:
                found.append(one)
            elif not await asyncio.to_thread(self._member_words.has_ended, task_id):
                return None
        return found

    async def _submit_all(self, job: PlacedJob, together: Sequence[Handed]) -> None:
        members: list[tuple[TaskSpec, Placement]] = []
        for one in together:
            known = await asyncio.to_thread(placement, one.run)
            if known is None:
                await self._end(one.run, "what the run was handed to cannot be read")
                return
            members.append((one.spec, known))
            one.limit = (await asyncio.to_thread(read_control, one.run)).seconds
        limit = together[0].limit if len(together) == 1 else None
        ticket = self._tickets.of(job.name, members, limit, self._jobs.grace)
        try:
            handle = await self._jobs.submit(ticket)
        except PlaceRefused as error:
            for one in together:
                await self._end(one.run, f"{self.name} refused the job: {error}")
            return
        except PlaceAway as error:
            for one in together:
                one.reason = f"{self.name} cannot be asked: {error}"
            job.again = monotonic() + self._settings.look_seconds
            return
        job.handles.append(handle)
        job.submitted, job.held, job.seconds = monotonic(), False, ticket.seconds
        for one in together:
            one.reason = f"{self.name} job {handle}: submitted"
            with suppress(FileNotFoundError):  # it has ended meanwhile
                await asyncio.to_thread(note_handle, one.run, handle)
            _journal.info("run handed over", run=one.run.run_id, place=self.name, job=handle)

    async def _change(self, run: RunDir, handed: Handed) -> None:
        """Has the place know of another time limit of a run.

        That of a job for several is only ever made longer: it is nobody's own.
        """
        size, job = event_bytes(run), handed.job
        if size == handed.events or not job.handles:
            return
        limit = (await asyncio.to_thread(read_control, run)).seconds
        if limit is not None and limit != handed.limit:
            shorter = not job.seconds or 0 < limit <= job.seconds
            if not (job.gang and shorter):
                grant = await asyncio.to_thread(granted, run)
                handle = grant.job if grant is not None and grant.job else job.handles[-1]
                if not await self._jobs.change(job, handle, limit):
                    return  # later
        handed.limit, handed.events = limit, size

    async def _over(self, run: RunDir, job: Standing) -> None:
        """The place says that the job is over, and nothing of the run was ever begun."""
        why = await self._jobs.explain(job.handle)
        said = f"{self.name} job {job.handle} ended before the run began: {job.cause.lower()}"
        killed = job.cause.startswith("CANCELLED")
        kind = ExitKind.KILLED_BEFORE_START if killed else ExitKind.START_FAILED
        await self._end(run, f"{said}, {why}" if why else said, kind)

    async def _end(self, run: RunDir, message: str, kind: ExitKind = ExitKind.START_FAILED) -> None:
        """Ends a run that was handed over, if it is certain that it never began."""
        _journal.info("run ended before it began", run=run.run_id, reason=message)
        end = Exit(kind, message=message, ended_ms=now_ms())
        await asyncio.to_thread(run.call_off, end)
        self._live_runs.notify(run.run_id)

    # What was begun

    async def _press(self, run: RunDir, handed: Handed) -> None:
        """Sees to it that a kill arrives.

        What is suspended goes on for it; what we cannot reach, or is late, is told by the place,
        unless others have part in the job that are not to end.
        """
        request, job = run.kill_request(), handed.job
        grace = request.grace_seconds if request else 0.0
        handed.killed = handed.killed or monotonic()
        await self._jobs.wake(job)
        late = monotonic() - handed.killed > grace + _KILL_SECONDS
        others = (self._handed[one] for one in job.members if one in self._handed)
        if not job.cancelled and (late or not self.landing.connected(run.run_id)):
            job.cancelled = all(one.killed for one in others)
            if job.cancelled:
                self._jobs.call_off(job.handles)

    async def _search(self, run: RunDir, handed: Handed) -> None:
        """Looks for a run of which nothing is heard; ends it as lost if there is nothing left."""
        jobs = self._jobs.standings(handed.job)
        if jobs is None or any(one.word is not JobState.OVER for one in jobs):
            return
        grant, known = granted(run), placement(run)
        if grant is None or known is None:
            await asyncio.to_thread(run.write_exit, lost(run, "unknown", 0.0))
            return
        silence = self.landing.silence(run.run_id)
        if not handed.collector and not handed.collected:
            await self._collect(handed, known, grant)
            return
        named = self._jobs.named(run.run_id)
        job = next((one for one in named if one.handle == handed.collector), None)
        asked = self._jobs.picture.asked > handed.collected + _POLL_SECONDS
        failed = asked and (job is None or job.word is JobState.OVER)
        if failed or monotonic() - handed.collected > self._settings.silence_seconds:
            await asyncio.to_thread(run.write_exit, lost(run, grant.node, silence))
            self._jobs.call_off([handed.collector] if handed.collector else [])

    async def _collect(self, handed: Handed, known: Placement, grant: Grant) -> None:
        """Sends a job to the machine of a run, which delivers its ending if it finds one there."""
        handed.collected = monotonic()
        ticket = self._tickets.collector(handed.spec, known, grant, self._jobs.grace)
        _journal.warning("nothing is heard of a run", run=ticket.run_id, node=grant.node)
        with suppress(PlaceAway, PlaceRefused):
            handed.collector = await self._jobs.submit(ticket)
            handed.job.collectors.add(handed.collector)

    # What the porter is told

    def _made(self, run: RunDir, me: Grant) -> PlacedOrder:
        spec = decode_spec(run.spec())
        words = self._member_words.words(spec, me)
        if words is None:
            return AGAIN
        shared = self._settings.shared_files
        # Where folders are not shared, input files go into one of the machine.
        order = self._order(run, spec if shared else replace(spec, home=""))
        environment = with_words(spec, me, words, order.environment)
        engine, settings = self._engine(spec.engine)
        return placed_order(run, spec, order, engine, settings, environment, shared=shared)

    async def _ordered(self, run: RunDir, me: Grant) -> PlacedOrder:
        """What a porter is told that asks for the start, AGAIN while others are not there yet.

        Raises GatewayError if the run cannot start.
        """
        try:
            return await self._orders.call("placing inputs", lambda: self._made(run, me))
        except (GatewayError, OSError, EngineError) as error:
            message = error.message if isinstance(error, GatewayError) else str(error)
            await self._end(run, f"the run cannot be started: {message}")
            raise GatewayError(Kind.CONFLICT, message) from error
