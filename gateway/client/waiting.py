"""Waits for the end of a task without reading its log, as a plan."""

from __future__ import annotations

from gateway.client import calls
from gateway.client.errors import TimedOut
from gateway.client.plans import Pacing, Pause, Plan, ask
from gateway.client.values import End

__all__ = ["wait"]

_BEYOND = 10**9
"""A line that no log has: who waits for it is answered at the end."""
_WAIT_SECONDS = 20.0
_PAUSE_SECONDS = 0.5


def wait(task: str, pacing: Pacing, timeout: float | None) -> Plan[End]:
    """How a task ended, once it has; raises TimedOut after ``timeout`` seconds, None for never."""
    until = None if timeout is None else pacing.clock() + timeout
    while True:
        began = pacing.clock()
        left = _WAIT_SECONDS if until is None else min(_WAIT_SECONDS, max(0.0, until - began))
        page = yield from ask(calls.log(task, _BEYOND, size=1, wait=left), pacing)
        if page.eof:
            status = yield from ask(calls.status(task), pacing)
            return End(page.last, status.status, status.exit_code, status.signal)
        now = pacing.clock()
        if until is not None and now >= until:
            raise TimedOut(f"task {task} has not ended within {timeout:g} seconds")
        if now - began < _PAUSE_SECONDS:
            # The gateway holds back only so many answers at once.
            yield Pause(_PAUSE_SECONDS)
