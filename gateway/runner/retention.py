"""The end of what was kept: tasks whose time has passed, and files that nobody uses.

In bounded steps. A task that is still active is killed first and goes when it has ended. The index
forgets before the disk does, so that nothing is listed whose output is gone. A wall clock that
jumped ahead makes nothing go.
"""

from __future__ import annotations

import asyncio

from gateway.clock import monotonic, now_ms
from gateway.ids import is_task_id
from gateway.runner.keeping import Keeping
from gateway.runner.kill import Killer
from gateway.runner.node import Node
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskId

__all__ = ["Retention"]

_LOOK_SECONDS = 1.0
_STEP = 100
_SWEEP_SECONDS = 600.0


class Retention:
    """Buries expired tasks and sweeps what is left over."""

    def __init__(self, node: Node, killer: Killer) -> None:
        self._node = node
        self._killer = killer
        self._swept = monotonic()
        self.keeping = Keeping(node, self.end)

    async def run(self) -> None:
        """Looks for what is due, for ever."""
        await asyncio.to_thread(self._node.steady.keep)
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.look()
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE:
                    raise

    async def look(self) -> None:
        """Does one bounded step."""
        node = self._node
        # Active ones stay due until they have ended: they must not keep the others from their turn.
        for task_id in await node.tasks.due(node.steady.now_ms(), _STEP + len(node.roster)):
            await self.end(task_id)
        if monotonic() - self._swept >= _SWEEP_SECONDS:
            self._swept = monotonic()
            await self._sweep()

    async def end(self, task_id: TaskId) -> None:
        """Buries a task; one that is active is killed first and stays due."""
        node = self._node
        known = is_task_id(task_id)  # a foreign writer may have put anything there
        if known and await node.spool.wish_kill(task_id, node.config.runner.grace_seconds):
            await self._show_kill(task_id)
            self._killer.ask(task_id)
            return
        until = node.steady.now_ms() + node.config.retention.tombstone_seconds * 1000
        if known:
            await node.spool.bury(task_id, until)
        await node.tasks.bury(task_id, until, epoch=node.epoch)
        if known:
            await node.spool.remove(task_id)
            self.keeping.forget(task_id)

    async def _show_kill(self, task_id: TaskId) -> None:
        try:
            await self._node.tasks.wish_kill(task_id, now_ms())
        except GatewayError as error:
            # The index lost it just now: it comes back, and the wish is on disk.
            if error.kind not in (Kind.NOT_FOUND, Kind.GONE):
                raise

    async def _sweep(self) -> None:
        node = self._node
        keep, now = node.config.retention, node.steady.now_ms()
        await node.spool.sweep(now, keep.tombstone_seconds * 1000)
        await asyncio.to_thread(node.objects.sweep, now / 1000 - keep.object_seconds)
        await asyncio.to_thread(node.steady.keep)
