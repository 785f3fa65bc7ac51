"""The end of what was kept: tasks whose time has passed, and files that nobody uses.

In bounded steps. A task that is still active is killed first and goes when it has ended. The index
forgets before the disk does, so that nothing is listed whose output is gone. A wall clock that
jumped ahead makes nothing go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.clock import monotonic, now_ms
from gateway.ids import is_task_id
from gateway.journal import journal
from gateway.runner.archiver import Archiver
from gateway.runner.node import Node
from gateway.runner.run.kill import Killer
from gateway.stores.errors import StaleEpoch
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskId

__all__ = ["Retention"]

_POLL_SECONDS = 1.0
_STEP = 100
_SWEEP_SECONDS = 600.0
_journal = journal(__name__)


class Retention:
    """Buries expired tasks and sweeps what is left over."""

    def __init__(self, node: Node, killer: Killer) -> None:
        self._node = node
        self._killer = killer
        self._swept = monotonic()
        self._later: set[TaskId] = set()
        self.archiver = Archiver(node, self.end)

    async def run(self) -> None:
        """Looks for what is due, for ever."""
        await asyncio.to_thread(self._node.clock_guard.keep)
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                await self.look()
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE:
                    raise

    async def look(self) -> None:
        """Does one bounded step."""
        node = self._node
        # Active ones stay due until they have ended: they must not keep the others from their turn.
        due = await node.tasks.due(node.clock_guard.now_ms(), _STEP + len(node.live_runs))
        await self._end_all(due)
        if monotonic() - self._swept >= _SWEEP_SECONDS:
            self._swept = monotonic()
            await self._sweep()

    async def _end_all(self, due: Sequence[TaskId]) -> None:
        """Ends those that are due. One that cannot be ended comes last at the next look.

        When two in a row cannot it is no fault of theirs, and the first error is raised.
        """
        self._later &= set(due)
        refusal: GatewayError | None = None
        for task_id in sorted(due, key=self._later.__contains__):
            try:
                await self.end(task_id)
            except StaleEpoch:
                raise
            except GatewayError as error:
                self._later.add(task_id)
                if refusal is not None:
                    raise refusal from error
                refusal = error
                _journal.warning("task cannot be ended", run=task_id, error=error.message)
            else:
                self._later.discard(task_id)
                refusal = None

    async def end(self, task_id: TaskId) -> None:
        """Buries a task; one that is active is killed first and stays due."""
        node = self._node
        known = is_task_id(task_id)  # a foreign writer may have put anything there
        if known and await node.spool.request_kill(task_id, node.config.runner.grace_seconds):
            await self._show_kill(task_id)
            self._killer.ask(task_id)
            return
        until = node.clock_guard.now_ms() + node.config.retention.tombstone_seconds * 1000
        if known:
            await node.spool.bury(task_id, until)
        await node.tasks.bury(task_id, until, epoch=node.epoch)
        if known:
            await node.spool.remove(task_id)
            self.archiver.forget(task_id)

    async def _show_kill(self, task_id: TaskId) -> None:
        try:
            await self._node.tasks.request_kill(task_id, now_ms())
        except GatewayError as error:
            # The index lost it just now: it comes back, and the request is on disk.
            if error.kind not in (Kind.NOT_FOUND, Kind.GONE):
                raise

    async def _sweep(self) -> None:
        node = self._node
        keep, now = node.config.retention, node.clock_guard.now_ms()
        await node.spool.sweep(now, keep.tombstone_seconds * 1000)
        await asyncio.to_thread(node.objects.sweep, now / 1000 - keep.object_seconds)
        await asyncio.to_thread(node.clock_guard.keep)
