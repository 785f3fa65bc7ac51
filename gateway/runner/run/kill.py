"""The way of a kill: from the notification straight to the shim, past everything that waits.

The request is a file in the run directory and was made durable by whoever notifies. A live run's
shim is poked at once, without a look at Redis or the queue. A run that waits is ended under its
lock, so that it can never start. One that waited longer than its task may goes the same way without
a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engines.rundir.facts import RunState
from gateway.ids import is_task_id
from gateway.runner.live_runs import LiveRun
from gateway.runner.node import Node
from gateway.stores.spec import decode_spec
from protocol.errors import GatewayError
from protocol.tasks import TaskId

__all__ = ["Killer"]

_MOST_ASKED = 20_000
"""Asked for and not yet looked at. What is beyond is found by the patrol."""
_MOST_PASSING = 32


class Killer:
    """Takes requests. ``begin`` takes a run in and looks after it."""

    def __init__(self, node: Node, begin: Callable[[LiveRun], bool]) -> None:
        self._node = node
        self._begin = begin
        self._asked: dict[str, None] = {}
        self._notified = asyncio.Event()

    def ask(self, run_id: str) -> None:
        """Somebody asked for this run to end, or its time to wait is over. Never waits."""
        live = self._node.live_runs.find(run_id)
        if live is not None:
            live.run.notify()
            live.notified.set()
        elif len(self._asked) < _MOST_ASKED and is_task_id(run_id):
            self._asked[run_id] = None
            self._notified.set()

    async def run(self) -> None:
        """Ends runs that wait, one after another, a bounded number at a time."""
        live_runs = self._node.live_runs
        while True:
            await self._notified.wait()
            self._notified.clear()
            while self._asked:
                while live_runs.passing >= _MOST_PASSING:
                    live_runs.left.clear()
                    await live_runs.left.wait()
                run_id = next(iter(self._asked))
                del self._asked[run_id]
                await self._end(TaskId(run_id))

    async def _end(self, run_id: TaskId) -> None:
        run = await asyncio.to_thread(self._node.spool.find, run_id)
        if run is None or run_id in self._node.live_runs:
            return
        try:
            waits = run.state() is RunState.ACCEPTED
            if run.kill_request() is None and not decode_spec(run.spec()).overdue(
                self._node.clock_guard.now_ms()
            ):
                return
        except (OSError, GatewayError):  # moved on meanwhile, or no run directory of ours
            return
        if waits:
            self._begin(LiveRun(run_id, "", run, counts=False))
