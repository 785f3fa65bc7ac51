"""How full the queue is, for whoever collects metrics: asked when they are, and not too often."""

from __future__ import annotations

import math

from gateway import clock
from gateway.ids import is_task_id, time_of
from gateway.metrics import Metrics
from gateway.stores.queue import TaskQueue
from protocol.errors import GatewayError

__all__ = ["QueueFigures"]

_SECONDS = 1.0
"""For so long figures are good: anybody may ask."""
_NOBODY = ""


class QueueFigures:
    """Brings the figures of the queue up to date when it is called.

    Args:
        queue: what is counted.
        metrics: where it is told.
    """

    def __init__(self, queue: TaskQueue, metrics: Metrics) -> None:
        self._queue = queue
        self._metrics = metrics
        self._due = -math.inf

    async def __call__(self) -> None:
        """Counts, unless it did a moment ago. What cannot be known is not a number."""
        now = clock.monotonic()
        if now < self._due:
            return
        self._due = now + _SECONDS
        waiting = running = oldest = math.nan
        try:
            counts = await self._queue.counts(_NOBODY)
            first = await self._queue.oldest()
        except GatewayError:
            pass
        else:
            waiting, running = counts.waiting_in_all, counts.running_in_all
            oldest = 0.0
            if first is not None and is_task_id(first):
                oldest = max(clock.now_ms() - time_of(first), 0) / 1000
        self._metrics.queued(waiting, running, oldest)
