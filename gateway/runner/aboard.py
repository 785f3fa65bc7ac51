"""What a run is told of its own gateway: where results and progress go, and how much is kept.

The variables and what they mean are part of what users are promised.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import engines.inside
from engines.progress import PROGRESS
from engines.results import RESULTS
from gateway.config import Results

__all__ = ["PROGRESS_DESCRIPTOR", "aboard"]

PROGRESS_DESCRIPTOR = "3"
_INSIDE = str(Path(engines.inside.__file__).parent)


def aboard(directory: Path, settings: Results, allowed: Mapping[str, str]) -> dict[str, str]:
    """The variables for the run in a directory; ``allowed`` is what it sees of our own.

    A line to the file NARTHEX_PROGRESS, or to the descriptor NARTHEX_PROGRESS_FD, is progress. In
    NARTHEX_RESULTS result sets are written. PYTHONPATH lets ``import narthex`` do both.
    """
    path = allowed.get("PYTHONPATH", "")
    return {
        "NARTHEX_RESULTS": str(directory / RESULTS),
        "NARTHEX_RESULT_ROWS": str(settings.rows),
        "NARTHEX_RESULT_BYTES": str(settings.bytes),
        "NARTHEX_PROGRESS": str(directory / PROGRESS),
        "NARTHEX_PROGRESS_FD": PROGRESS_DESCRIPTOR,
        "PYTHONPATH": f"{path}:{_INSIDE}" if path else _INSIDE,
    }
