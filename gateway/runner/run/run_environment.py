"""What a run is told of its own gateway: where results and progress go, and how much is kept.

The variables and what they mean are part of what users are promised.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import engines.inside
from engines.rundir.progress import PROGRESS
from engines.rundir.results import RESULTS
from gateway.config import Results

__all__ = ["INSIDE", "PROGRESS_DESCRIPTOR", "run_environment"]

PROGRESS_DESCRIPTOR = "3"
INSIDE = str(Path(engines.inside.__file__).parent)
"""What is added to PYTHONPATH: the folder with the modules that a task may import."""


def run_environment(
    directory: Path, settings: Results, allowed: Mapping[str, str], rows: int = 0
) -> dict[str, str]:
    """The variables for the run in a directory; ``allowed`` is what it sees of our own.

    ``rows`` is how many rows its task wants of a table at most, 0 for as many as are kept.
    A line to the file NARTHEX_PROGRESS, or to the descriptor NARTHEX_PROGRESS_FD, is progress. In
    NARTHEX_RESULTS result sets are written. PYTHONPATH lets ``import narthex`` do both.
    """
    most = min(rows, settings.rows) if rows and settings.rows else rows or settings.rows
    path = allowed.get("PYTHONPATH", "")
    return {
        "NARTHEX_RESULTS": str(directory / RESULTS),
        "NARTHEX_RESULT_ROWS": str(most),
        "NARTHEX_RESULT_BYTES": str(settings.bytes),
        "NARTHEX_PROGRESS": str(directory / PROGRESS),
        "NARTHEX_PROGRESS_FD": PROGRESS_DESCRIPTOR,
        "PYTHONPATH": f"{path}:{INSIDE}" if path else INSIDE,
    }
