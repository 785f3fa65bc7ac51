"""What ends a run whose porter dies: the place believes by then that nothing of the job is left.

A process of its own that waits for the end of a pipe which only the porter holds. Must be forked
before the porter has threads.
"""

from __future__ import annotations

import os
import signal

from engines.rundir.directory import RunDir

__all__ = ["PLACE", "stand_guard"]

PLACE = "@place"
"""Who asks for a kill that the place wants: no name of a user."""
_GRACE_SECONDS = 2.0
_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def stand_guard(run: RunDir) -> int:
    """Forks the guard of a run that need not be there yet; the descriptor by which it is held."""
    waited, held = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        os.close(waited)
        return held
    try:
        os.close(held)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        os.read(waited, 1)
        if (
            run.shim() is not None
            and run.exit() is None
            and run.request_kill(_GRACE_SECONDS, PLACE)
        ):
            run.notify()
    finally:
        os._exit(0)
