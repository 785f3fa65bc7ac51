"""The jobs of a place: one question for all of them now and then, and what is done with each.

A place that does not answer is away, and what was asked of it is asked again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from engines.contract import EngineError
from engines.place import JobState, Place, PlaceAway, PlaceRefused, Standing, Ticket
from gateway.clock import monotonic
from gateway.journal import journal
from gateway.runner.run.handed import Picture, PlacedJob
from gateway.runner.run.timeout_executor import TimeoutExecutor

__all__ = ["PlacedJobs"]

_T = TypeVar("_T")
_CALL_SECONDS = 60.0
_SPARE_GRACE_SECONDS = 2.0

_journal = journal(__name__)


class PlacedJobs:
    """What the place has of ours.

    Args:
        place: the place.
        look_seconds: between two questions.
        looked: is called after each answer.
    """

    def __init__(self, place: Place, look_seconds: float, looked: Callable[[], None]) -> None:
        self._place = place
        self._look_seconds = look_seconds
        self._looked = looked
        self._calls = TimeoutExecutor(_CALL_SECONDS, width=4, own=(PlaceAway, PlaceRefused))
        self._unwanted: list[str] = []
        self._learned = False
        self.picture = Picture()
        self.grace = 5.0
        """Seconds between its two signals, less what a kill of ours needs."""

    async def run(self) -> None:
        """Asks how things stand, until it is cancelled."""
        while True:
            begun = monotonic()
            try:
                jobs = await self._call(self._place.look)
            except (PlaceAway, PlaceRefused) as error:
                if not self.picture.away:
                    name = self._place.name
                    _journal.warning("place cannot be asked", place=name, error=str(error))
                self.picture.away = str(error)
            else:
                self.picture = Picture(begun, jobs)
                await self._learn_grace()
                self._looked()
                await self._call_off()
            await asyncio.sleep(self._look_seconds)

    def standings(self, job: PlacedJob) -> list[Standing] | None:
        """What the place said of a job, None if it did not answer lately."""
        picture = self.picture
        if picture.away or picture.asked < job.submitted:
            return None if picture.away else [Standing("", JobState.WAITING)]
        return [one for one in self.named(job.name) if one.handle not in job.collectors]

    def named(self, name: str) -> tuple[Standing, ...]:
        """All jobs that the place calls by the id of a run, as it said last."""
        return self.picture.jobs.get(name, ())

    def call_off(self, handles: Iterable[str]) -> None:
        """Has jobs ended that nobody waits for."""
        self._unwanted += handles

    async def submit(self, ticket: Ticket) -> str:
        """Hands a job over; what the place calls it. Raises PlaceAway, PlaceRefused."""
        return await self._call(lambda: self._place.submit(ticket))

    async def explain(self, handle: str) -> str:
        """Why a job ended that never reached us; empty if nobody knows."""
        with suppress(PlaceAway, PlaceRefused):
            return await self._call(lambda: self._place.explain(handle))
        return ""

    async def hold(self, job: PlacedJob, *, wanted: bool) -> None:
        """Has the place hold a job, or release it, if it does not already."""
        if wanted is job.held:
            return
        act = self._place.hold if wanted else self._place.release
        with suppress(PlaceAway, PlaceRefused):
            await self._call(partial(act, job.handles[-1]))
            job.held = wanted

    async def change(self, job: PlacedJob, handle: str, seconds: float) -> bool:
        """Has the place know of a time limit, which would end the job at the first one else.

        A limit that it does not take stays ours alone. False if it is to be asked again.
        """
        try:
            await self._call(lambda: self._place.change(handle, seconds))
        except PlaceAway:
            return False
        except PlaceRefused as error:
            _journal.warning("time limit is not changed", job=handle, error=str(error))
        job.seconds = seconds
        return True

    async def wake(self, job: PlacedJob) -> None:
        """Lets a job go on that somebody suspended in the place."""
        for one in self.named(job.name):
            if one.word is JobState.SUSPENDED:
                with suppress(PlaceAway, PlaceRefused):
                    await self._call(partial(self._place.resume, one.handle))

    async def _call_off(self) -> None:
        """Ends what nobody waits for; if the place cannot be asked, later."""
        with suppress(PlaceAway):
            while self._unwanted:
                await self._call(partial(self._place.cancel, self._unwanted[0]))
                del self._unwanted[0]

    async def _learn_grace(self) -> None:
        """Finds out how long the place waits between its two signals."""
        if not self._learned:
            with suppress(PlaceAway, PlaceRefused):
                found = await self._call(self._place.kill_wait)
                self.grace = max(found - _SPARE_GRACE_SECONDS, 1.0)
                self._learned = True

    async def _call(self, what: Callable[[], _T]) -> _T:
        try:
            return await self._calls.call("the place", what)
        except EngineError as error:
            raise PlaceAway(str(error)) from error
