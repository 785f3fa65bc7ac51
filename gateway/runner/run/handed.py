"""What the runner knows of a run that it handed to a place, and how such a run ends without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engines.place import JobState, Standing
from engines.rundir.directory import RunDir
from engines.rundir.facts import Exit, ExitKind
from gateway.clock import monotonic, now_ms
from gateway.runner.run.landing import SILENT
from gateway.stores.spec import TaskSpec

__all__ = ["Handed", "Picture", "PlacedJob", "lost", "waiting_reason"]


@dataclass(slots=True)
class PlacedJob:
    """One job of the place: of one run, or of all runs of a ``gang``, which start together.

    The place calls it by the id ``name`` of one of them. ``members`` are those that have not ended.
    ``collectors`` are jobs under the same name that fetch an ending and run nothing.
    """

    name: str
    gang: str = ""
    members: set[str] = field(default_factory=set)
    handles: list[str] = field(default_factory=list)
    collectors: set[str] = field(default_factory=set)
    submitted: float = field(default_factory=monotonic)
    again: float = 0.0
    seconds: float = 0.0
    busy: bool = False
    held: bool = False
    begun: bool = False
    cancelled: bool = False


@dataclass(slots=True)
class Handed:
    """What is known of one run that was handed over, beyond what is on record."""

    spec: TaskSpec
    run: RunDir
    job: PlacedJob
    reason: str = "it is handed to the place"
    limit: float | None = None
    events: int = -1
    collector: str = ""
    collected: float = 0.0
    killed: float = 0.0


@dataclass(slots=True)
class Picture:
    """What the place said last, and when it was asked (monotonic seconds)."""

    asked: float = -1e9
    jobs: Mapping[str, tuple[Standing, ...]] = field(default_factory=dict)
    away: str = ""


def waiting_reason(place: str, job: Standing) -> str:
    """Why a job has not begun, for people."""
    if job.word is JobState.RUNNING:
        return f"{place} job {job.handle}: on {job.node or 'a machine'}, which has not reported yet"
    why = job.reason or job.word.value
    return f"{place} job {job.handle}: {why}" if job.handle else f"{place}: submitted"


def lost(run: RunDir, node: str, seconds: float) -> Exit:
    """The ending of a run of which nothing is left that anybody could ask."""
    started = run.started()
    return Exit(
        ExitKind.LOST,
        message=f"nothing was heard of machine {node} for {seconds:.0f} s and no job is left there",
        reason=SILENT,
        started_ms=started.started_ms if started else 0,
        ended_ms=now_ms(),
        bytes=run.output_size(),
        verified=False,
    )
