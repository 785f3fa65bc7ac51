"""Runs that are handed to a place: submitted, followed, and ended when nothing is left of them.

What a run does is told by its porter, over the landing. The place is asked for two things only: why
something waits, and whether a run of which nothing is heard may be called lost. That is said only
if the place says that the job is over, or knows none, nothing was heard for long enough, and a job
sent to the same machine found nothing.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from engines.contract import EngineError, RunSpec
from engines.place import (
    JobState,
    Place,
    PlaceAway,
    PlaceRefused,
    Standing,
    Ticket,
    granted,
    handles,
    note_handle,
    placement,
    put,
)
from engines.placed.porter import Assignment
from engines.rundir.directory import RunDir
from engines.rundir.facts import Exit, ExitKind, RunState
from engines.rundir.requests import event_bytes, read_control
from gateway.clock import monotonic, now_ms
from gateway.config import SlurmSettings
from gateway.journal import journal
from gateway.runner.live_runs import LiveRun, LiveRuns
from gateway.runner.run.handed import Handed, Picture, lost, waiting_reason
from gateway.runner.run.landing import Landing
from gateway.runner.run.placed_order import PlacedOrder, placed_order, ticket_of, unplaceable
from gateway.runner.run.timeout_executor import TimeoutExecutor
from gateway.stores.run_folders import RunFolders
from gateway.stores.spec import TaskSpec, decode_spec
from protocol.errors import GatewayError, Kind

__all__ = ["PlacedRuns", "certificate_of"]

_CALL_SECONDS = 60.0
_MOST_JOBS = 5
"""Jobs for one run: a controller that forgets them again and again gets no more."""
_UNKNOWN_SECONDS = 15.0
"""A job that the place does not know for so long after it was submitted was forgotten there."""
_KILL_SECONDS = 15.0
"""Past the grace of a kill the place is asked to end the job as well."""
_POLL_SECONDS = 2.0
_SPARE_GRACE_SECONDS = 2.0
_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL | re.ASCII
)

_journal = journal(__name__)


class PlacedRuns:
    """The place of this node and its landing.

    Args:
        place: the place.
        settings: how it is used.
        order: what an engine is told of a run, made with its input files; raises GatewayError,
            OSError.
        engine: the ``module:class`` of an engine by its name, and its settings.
    """

    def __init__(
        self,
        place: Place,
        settings: SlurmSettings,
        live_runs: LiveRuns,
        runs: RunFolders,
        order: Callable[[RunDir, TaskSpec], RunSpec],
        engine: Callable[[str], tuple[str, Mapping[str, object]]],
        result_bytes: int = 0,
    ) -> None:
        self._place = place
        self._settings = settings
        self._live_runs = live_runs
        self._order = order
        self._engine = engine
        self._calls = TimeoutExecutor(_CALL_SECONDS, width=4, own=(PlaceAway, PlaceRefused))
        self._orders = TimeoutExecutor(_CALL_SECONDS * 5, width=4, own=(GatewayError, OSError))
        self._handed: dict[str, Handed] = {}
        self._picture = Picture()
        self._unwanted: list[str] = []
        self._learned = False
        self._grace = 5.0
        certificate = Path(settings.certificate) if settings.certificate else None
        self._certificate = certificate_of(certificate) if certificate else ""
        self.landing = Landing(
            settings.listen or settings.landing,
            certificate,
            runs,
            live_runs,
            self._ordered,
            result_bytes,
        )

    @property
    def name(self) -> str:
        """What the place is called."""
        return self._place.name

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
            group.create_task(self._look())

    async def _look(self) -> None:
        while True:
            begun = monotonic()
            try:
                jobs = await self._calls.call("the place", self._place.look)
            except (PlaceAway, PlaceRefused, EngineError) as error:
                if not self._picture.away:
                    _journal.warning("place cannot be asked", place=self.name, error=str(error))
                self._picture.away = str(error)
            else:
                self._picture = Picture(begun, jobs)
                await self._learn_grace()
                for run_id in self._handed:
                    self._live_runs.notify(run_id)
                await self._call_off()
            await asyncio.sleep(self._settings.look_seconds)

    async def _call_off(self) -> None:
        """Has the place end jobs that nobody waits for; if it cannot be asked, later."""
        while self._unwanted:
            try:
                await self._cancel(self._unwanted[0])
            except (PlaceAway, EngineError):
                return
            del self._unwanted[0]

    async def _learn_grace(self) -> None:
        """Finds out how long the place waits between its two signals."""
        if not self._learned:
            with suppress(PlaceAway, PlaceRefused, EngineError):
                found = await self._calls.call("the place", self._place.kill_wait)
                self._grace = max(found - _SPARE_GRACE_SECONDS, 1.0)
                self._learned = True

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
        """The run has ended: jobs that wait for it all the same are called off."""
        handed = self._handed.pop(run.run_id, None)
        if handed is not None and not run.begun():
            self._unwanted += handed.handles
        self.landing.forget(run.run_id)

    async def follow(self, live: LiveRun, spec: TaskSpec, state: RunState) -> None:
        """Does what is to be done for a run that was handed over; waits if it was not begun.

        Raises OSError if the disk refuses.
        """
        handed = self._handed.get(live.run_id)
        if handed is None:
            known = await asyncio.to_thread(handles, live.run)
            handed = self._handed[live.run_id] = Handed(spec, list(known), monotonic())
        if state is RunState.PLACED:
            await self._wait(live.run, handed)
            if live.run.state() is RunState.PLACED:
                await live.wait(_POLL_SECONDS)
            return
        handed.reason = ""
        self.landing.tell(live.run)
        await self._change(live.run, handed)
        if state is RunState.KILLING:
            await self._press(live.run, handed)
        if self.landing.silence(live.run_id) > self._settings.silence_seconds:
            await self._search(live.run, handed)

    async def _wait(self, run: RunDir, handed: Handed) -> None:
        """A step of a run that the place has not started."""
        if run.kill_request() is not None:
            await asyncio.to_thread(run.call_off)
            return
        if not handed.handles:
            if monotonic() >= handed.again:
                await self._submit(run, handed)
            return
        await self._hold(run, handed)
        await self._change(run, handed)
        jobs = self._standings(run, handed)
        if jobs is None:
            handed.reason = f"{self.name} cannot be asked: {self._picture.away}"
        elif alive := [one for one in jobs if one.word is not JobState.OVER]:
            handed.reason = waiting_reason(self.name, alive[0])
        elif jobs:
            await self._over(run, jobs[-1])
        elif self._picture.asked - handed.submitted > _UNKNOWN_SECONDS:
            # An acknowledged job that the controller forgot. If it starts all the same, the grant
            # sees to it that only one does.
            if len(handed.handles) >= _MOST_JOBS:
                await self._end(run, f"{self.name} does not know the job, again and again")
            else:
                _journal.warning("job is not known to the place", run=run.run_id)
                await self._submit(run, handed)

    def _standings(self, run: RunDir, handed: Handed) -> list[Standing] | None:
        """What the place said of the jobs of a run, None if it did not answer lately."""
        picture = self._picture
        if picture.away or picture.asked < handed.submitted:
            return None if picture.away else [Standing("", JobState.WAITING)]
        found = picture.jobs.get(run.run_id, ())
        return [one for one in found if one.handle != handed.collector]

    async def _submit(self, run: RunDir, handed: Handed) -> None:
        spec = handed.spec
        found = await asyncio.to_thread(placement, run)
        if found is None:
            await self._end(run, "what the run was handed to cannot be read")
            return
        if why := unplaceable(spec):
            await self._end(run, f"{why} cannot run in {self.name}")
            return
        limit = (await asyncio.to_thread(read_control, run)).seconds
        ticket = self._ticket(run, spec, found.key, limit)
        try:
            handle = await self._calls.call("the place", lambda: self._place.submit(ticket))
        except PlaceRefused as error:
            await self._end(run, f"{self.name} refused the job: {error}")
            return
        except (PlaceAway, EngineError) as error:
            handed.reason = f"{self.name} cannot be asked: {error}"
            handed.again = monotonic() + self._settings.look_seconds
            return
        handed.handles.append(handle)
        handed.submitted = monotonic()
        handed.held = False
        handed.limit = limit
        handed.reason = f"{self.name} job {handle}: submitted"
        await asyncio.to_thread(note_handle, run, handle)
        _journal.info("run handed over", run=run.run_id, place=self.name, job=handle)

    def _ticket(self, run: RunDir, spec: TaskSpec, key: str, limit: float | None) -> Ticket:
        return ticket_of(spec, self._assignment(run, key), self._partition(spec), limit)

    def _partition(self, spec: TaskSpec) -> str:
        return self._settings.queues.get(spec.wants.queue, "") if spec.wants is not None else ""

    def _assignment(
        self, run: RunDir, key: str, collect: Mapping[str, object] | None = None
    ) -> Assignment:
        settings = self._settings
        return Assignment(
            run.run_id,
            key,
            settings.landing,
            settings.node_dir,
            self._certificate,
            self._grace,
            settings.linger_seconds if collect is None else settings.silence_seconds,
            collect,
        )

    async def _hold(self, run: RunDir, handed: Handed) -> None:
        """Has the place hold what is held, and release what is not any more."""
        wanted = (await asyncio.to_thread(read_control, run)).held
        if wanted is handed.held:
            return
        act = self._place.hold if wanted else self._place.release
        handle = handed.handles[-1]
        with suppress(PlaceAway, PlaceRefused, EngineError):
            await self._calls.call("the place", lambda: act(handle))
            handed.held = wanted

    async def _change(self, run: RunDir, handed: Handed) -> None:
        """Has the place know of another time limit: it would end the job at the first one."""
        size = event_bytes(run)
        if size == handed.events or not handed.handles:
            return
        limit = (await asyncio.to_thread(read_control, run)).seconds
        if limit is not None and limit != handed.limit:
            grant = await asyncio.to_thread(granted, run)
            handle = grant.job if grant is not None and grant.job else handed.handles[-1]
            try:
                await self._calls.call("the place", lambda: self._place.change(handle, limit))
            except (PlaceAway, EngineError):
                return  # later
            except PlaceRefused as error:
                _journal.warning("time limit is not changed", run=run.run_id, error=str(error))
        handed.limit, handed.events = limit, size

    async def _over(self, run: RunDir, job: Standing) -> None:
        """The place says that the job is over, and nothing of the run was ever begun."""
        handle = job.handle
        why = await self._calls.call("the place", lambda: self._place.explain(handle))
        said = f"{self.name} job {handle} ended before the run began: {job.cause.lower()}"
        killed = job.cause.startswith("CANCELLED")
        kind = ExitKind.KILLED_BEFORE_START if killed else ExitKind.START_FAILED
        await self._end(run, f"{said}, {why}" if why else said, kind)

    async def _end(self, run: RunDir, message: str, kind: ExitKind = ExitKind.START_FAILED) -> None:
        """Ends a run that was handed over, if it is certain that it never began."""
        _journal.info("run ended before it began", run=run.run_id, reason=message)
        end = Exit(kind, message=message, ended_ms=now_ms())
        await asyncio.to_thread(run.call_off, end)

    async def _cancel(self, handle: str) -> None:
        await self._calls.call("the place", lambda: self._place.cancel(handle))

    # What was begun

    async def _press(self, run: RunDir, handed: Handed) -> None:
        """Sees to it that a kill arrives.

        What is suspended goes on for it; what we cannot reach, or is late, is told by the place.
        """
        request = run.kill_request()
        grace = request.grace_seconds if request else 0.0
        handed.killed = handed.killed or monotonic()
        for job in self._picture.jobs.get(run.run_id, ()):
            if job.word is JobState.SUSPENDED:
                resume = partial(self._place.resume, job.handle)
                with suppress(PlaceAway, PlaceRefused, EngineError):
                    await self._calls.call("the place", resume)
        late = monotonic() - handed.killed > grace + _KILL_SECONDS
        if not handed.cancelled and (late or not self.landing.connected(run.run_id)):
            handed.cancelled = True
            self._unwanted += handed.handles

    async def _search(self, run: RunDir, handed: Handed) -> None:
        """Looks for a run of which nothing is heard; ends it as lost if there is nothing left."""
        jobs = self._standings(run, handed)
        if jobs is None or any(one.word is not JobState.OVER for one in jobs):
            return
        grant, found = granted(run), placement(run)
        if grant is None or found is None:
            await asyncio.to_thread(run.write_exit, lost(run, "unknown", 0.0))
            return
        silence = self.landing.silence(run.run_id)
        if not handed.collector and not handed.collected:
            handed.collected = monotonic()
            ticket = Ticket(
                run.run_id,
                msgspec.json.encode(self._assignment(run, found.key, grant._asdict())._asdict()),
                self._partition(handed.spec),
                seconds=self._settings.silence_seconds,
                node=grant.node,
            )
            _journal.warning("nothing is heard of a run", run=run.run_id, node=grant.node)
            with suppress(PlaceAway, PlaceRefused, EngineError):
                handed.collector = await self._calls.call(
                    "the place", lambda: self._place.submit(ticket)
                )
            return
        job = next(
            (
                one
                for one in self._picture.jobs.get(run.run_id, ())
                if one.handle == handed.collector
            ),
            None,
        )
        asked = self._picture.asked > handed.collected + _POLL_SECONDS
        failed = asked and (job is None or job.word is JobState.OVER)
        if failed or monotonic() - handed.collected > self._settings.silence_seconds:
            await asyncio.to_thread(run.write_exit, lost(run, grant.node, silence))
            self._unwanted += [handed.collector] if handed.collector else []

    # What the porter is told

    def _made(self, run: RunDir) -> PlacedOrder:
        spec = decode_spec(run.spec())
        shared = self._settings.shared_files
        # Where folders are not shared, input files go into one of the machine.
        order = self._order(run, spec if shared else replace(spec, home=""))
        return placed_order(run, spec, order, *self._engine(spec.engine), shared=shared)

    async def _ordered(self, run: RunDir) -> PlacedOrder:
        """What a porter is told that asks for the start. Raises GatewayError if it cannot start."""
        try:
            return await self._orders.call("placing inputs", lambda: self._made(run))
        except (GatewayError, OSError, EngineError) as error:
            message = error.message if isinstance(error, GatewayError) else str(error)
            await self._end(run, f"the run cannot be started: {message}")
            raise GatewayError(Kind.CONFLICT, message) from error


def certificate_of(path: Path) -> str:
    """The certificates of a PEM file, without its key.

    Raises:
        OSError: it cannot be read.
    """
    return "\n".join(_CERTIFICATE.findall(path.read_text("ascii", "replace"))) + "\n"
