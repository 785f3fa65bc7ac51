"""The last thing that a shim does for a run: it writes the ending, which nobody else can know.

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import time

from engines.rundir.directory import RunDir
from engines.rundir.facts import Exit
from engines.trees import open_folder

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
            # The task may have closed its own directory.
            with contextlib.suppress(OSError):
                os.close(open_folder(run.path))
            time.sleep(_PAUSE_SECONDS)
        else:
            return
