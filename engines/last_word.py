"""The last thing that a shim does for a run: it writes the ending, which nobody else can know.

Standard library only.
"""

from __future__ import annotations

import time

from engines.facts import Exit
from engines.rundir import RunDir

__all__ = ["state_ending"]

_PAUSE_SECONDS = 1.0
_TRIES = 3600


def state_ending(run: RunDir, ending: Exit) -> None:
    """Makes it durable how a run ended; a full disk is waited for, within reason."""
    for _ in range(_TRIES):
        try:
            run.write_exit(ending)
        except FileNotFoundError:
            return  # nobody wants to know any more
        except OSError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return
