"""The tick: looks at the facts of live runs, so that a lost notification costs a moment only.

Who was at work lately is looked at every time. The quiet ones are every two seconds, a bounded
number of them in one tick, those first that were not looked at for the longest time. It is done in
short slices with rests between them, in which everything else has its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple

from gateway.clock import monotonic
from gateway.runner.live_runs import LiveRun, LiveRuns

__all__ = ["Pace", "Tick"]


class Pace(NamedTuple):
    """How often is looked, and how much of the time it may take."""

    seconds: float = 0.5
    lively_seconds: float = 5.0
    """So long after it was at work a run is looked at every time."""
    quiet_seconds: float = 1.75
    """A quiet run is looked at this much after the last time, at the tick that comes then."""
    quiet: int = 1000
    """Quiet runs that are looked at in one tick, at most."""
    slice_seconds: float = 0.004
    rest_share: float = 4.0
    """After each slice it rests so many times as long: a fifth of the runner's time is the most."""


class Tick:
    """Looks at ``live_runs`` for ever; ``asked`` hears of runs of which something was asked."""

    def __init__(
        self,
        live_runs: LiveRuns,
        asked: Callable[[str], None],
        pace: Pace = Pace(),  # noqa: B008 - it is a constant
    ) -> None:
        self._live_runs = live_runs
        self._asked = asked
        self._pace = pace

    async def run(self) -> None:
        """Ticks for ever."""
        while True:
            await asyncio.sleep(self._pace.seconds)
            await self.turn()

    async def turn(self) -> None:
        """Looks once at all that were at work lately, and at the next of the others."""
        begun = monotonic()
        for live in self._due(begun):
            if live.look() or live.deserted():
                live.notified.set()
            if live.asked():
                self._asked(live.run_id)
            took = monotonic() - begun
            if took >= self._pace.slice_seconds:
                await asyncio.sleep(took * self._pace.rest_share)
                begun = monotonic()

    def _due(self, now: float) -> list[LiveRun]:
        """Those to look at now; one that leaves meanwhile may be looked at all the same."""
        lately = now - self._pace.lively_seconds
        since = now - self._pace.quiet_seconds
        due: list[LiveRun] = []
        quiet: list[LiveRun] = []
        for live in self._live_runs:
            if live.changed_at > lately:
                due.append(live)
            elif live.looked_at <= since:
                quiet.append(live)
        if len(quiet) > self._pace.quiet:
            # As they are looked at in rounds they are nearly in order, and that is soon done.
            quiet.sort(key=attrgetter("looked_at"))
            del quiet[self._pace.quiet :]
        return due + quiet
