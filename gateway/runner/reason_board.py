"""Publishes why tasks wait, when it changes and not too often.

What is said lives for a while only, so that nothing is said for ever by a runner that is gone.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.clock import monotonic
from gateway.stores.queue import TaskQueue

__all__ = ["ReasonBoard"]

_LIFE_SECONDS = 60.0
_AGAIN_SECONDS = 20.0
_MOST = 2_000
"""Reasons that are told; of tasks further behind nobody is told any."""


class ReasonBoard:
    """What was said last, and when."""

    def __init__(self, queue: TaskQueue, epoch: int) -> None:
        self._queue = queue
        self._epoch = epoch
        self._reported: dict[str, str] = {}
        self._at = -_AGAIN_SECONDS

    async def tell(self, reasons: Mapping[str, str]) -> None:
        """Has everybody see these reasons and no others."""
        wanted = dict(list(reasons.items())[:_MOST])
        again = monotonic() - self._at >= _AGAIN_SECONDS
        changed = {name: text for name, text in wanted.items() if self._reported.get(name) != text}
        gone = dict.fromkeys(self._reported.keys() - wanted.keys(), "")
        if not changed and not gone and not (again and wanted):
            return
        await self._queue.explain(
            wanted if again else changed | gone,
            epoch=self._epoch,
            seconds=_LIFE_SECONDS,
            afresh=again,
        )
        self._reported = wanted
        if again:
            self._at = monotonic()
