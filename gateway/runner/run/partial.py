"""Shows those who look on what stands on a run's line that has not ended, now and then.

A bar that shows progress is one line for as long as it goes on. So what was put last on it is shown
at most four times a second, and only while nothing else is left to be brought.
"""

from __future__ import annotations

from dataclasses import replace

from engines.rundir.characters import tail
from gateway.clock import monotonic
from gateway.stores.partials import PartialStore
from protocol.errors import GatewayError, Kind
from protocol.logs import Line
from protocol.tasks import TaskId

__all__ = ["PartialMirror"]

_SECONDS = 0.25
_BYTES = 2048


class PartialMirror:
    """The way of one run's open line to those who look on; one at a time for each run."""

    def __init__(self, task_id: TaskId, epoch: int, partials: PartialStore) -> None:
        self._task_id = task_id
        self._epoch = epoch
        self._partials = partials
        self._shown: Line | None = None
        self._next = 0.0

    async def turn(self, line: Line | None) -> float:
        """Shows a line if it says something new; in how many seconds to come again, 0 if not so.

        Trouble costs a glimpse and nothing else.
        """
        if line is None:
            return 0.0
        line = replace(line, data=tail(line.screen.encode(), _BYTES))
        # The time alone is no news.
        if not line.data or (self._shown and replace(self._shown, time_ms=line.time_ms) == line):
            return 0.0
        if (rest := self._next - monotonic()) > 0:
            return rest
        self._next = monotonic() + _SECONDS
        try:
            await self._partials.show(self._task_id, self._epoch, line)
        except GatewayError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
        else:
            self._shown = line
        return 0.0
