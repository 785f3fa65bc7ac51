"""The way of a hold, a resume and the like: past everything that waits, to the shim and the index.

The request is a line in the run directory and was made durable by whoever notifies. A live run's
shim is poked at once; what is shown of it follows from the run directory alone, so that a lost
notification, a dead gateway and a Redis that was away cost time and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engines.rundir.requests import Control, read_control
from gateway.clock import now_ms
from gateway.ids import is_task_id
from gateway.journal import journal
from gateway.runner.node import Node
from protocol.errors import GatewayError, Kind
from protocol.tasks import TaskId

__all__ = ["Controller"]

_MOST_ASKED = 20_000
"""Asked for and not yet looked at. What is beyond is found by the patrol."""
_RETRY_SECONDS = 1.0
_journal = journal(__name__)


class Controller:
    """Hears requests, and shows what holds. ``queued`` is told that the queue may have changed."""

    def __init__(self, node: Node, queued: Callable[[], None]) -> None:
        self._node = node
        self._queued = queued
        self._asked: dict[str, None] = {}
        self._notified = asyncio.Event()

    def ask(self, run_id: str) -> None:
        """Something was asked of this run. Never waits."""
        live = self._node.live_runs.find(run_id)
        if live is not None:
            live.run.notify()
            live.notified.set()
        if len(self._asked) < _MOST_ASKED and is_task_id(run_id):
            self._asked[run_id] = None
            self._notified.set()

    async def run(self) -> None:
        """Shows one after another; while Redis is away they wait."""
        while True:
            await self._notified.wait()
            self._notified.clear()
            while self._asked:
                run_id = next(iter(self._asked))
                del self._asked[run_id]
                try:
                    await self.show(TaskId(run_id))
                except GatewayError as error:
                    if error.kind is not Kind.UNAVAILABLE:
                        raise
                    self.ask(run_id)
                    await asyncio.sleep(_RETRY_SECONDS)

    async def show(self, run_id: TaskId) -> None:
        """Brings the index in line with one run directory. Raises UNAVAILABLE, StaleEpoch."""
        control = await asyncio.to_thread(self._read, run_id)
        if control is None or not control.size:
            return
        node = self._node
        try:
            await node.controls.show(run_id, node.epoch, control, now_ms())
        except GatewayError as error:
            # Not indexed yet, or not any more: who indexes it shows this as well.
            if error.kind not in (Kind.NOT_FOUND, Kind.GONE):
                raise
        self._queued()

    def _read(self, run_id: TaskId) -> Control | None:
        run = self._node.spool.find(run_id)
        if run is None:
            return None
        try:
            return read_control(run)
        except OSError as error:
            _journal.warning("requests not readable", run=run_id, error=error.strerror)
            return None
