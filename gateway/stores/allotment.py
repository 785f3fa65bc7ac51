"""What a run was given of the pool: a fact of its run directory, stated before it starts.

A run that waits again after it was given something is given something new: the fact is then stated
anew. Only the runner states it, and only while nothing of the run was started.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from engines.rundir.directory import RunDir
from gateway.stores.atomic_file import replace
from protocol.resources import DEFAULT_QUEUE, Leaf

__all__ = ["ALLOTTED", "Allotment", "read_allotment", "write_allotment"]

ALLOTTED = "allotted"
"""The file of a run directory that says what the run was given."""


@dataclass(frozen=True, slots=True)
class Allotment:
    """Leaves as they were, ports by label, and what else counts while the run is live.

    ``seconds`` is the time limit of the alternative that was taken, 0 for none.
    """

    leaves: tuple[Leaf, ...]
    queue: str = DEFAULT_QUEUE
    memory_mb: int = 0
    preemptible: bool = False
    seconds: float = 0.0
    ports: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    at_ms: int = 0


def write_allotment(run: RunDir, allotment: Allotment) -> None:
    """Makes durable what a run was given. Blocks; raises OSError."""
    replace(Path(run.file(ALLOTTED)), msgspec.json.encode(allotment) + b"\n")


def read_allotment(run: RunDir) -> Allotment | None:
    """What a run was given, None if it asked for nothing or nobody can read it."""
    with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return msgspec.json.decode(Path(run.file(ALLOTTED)).read_bytes(), type=Allotment)
    return None
