"""What the end of a run means: the exit record of a run directory as state and outcome of its task.

The only place where it is decided, so that the runner that saw the end and one that rebuilds the
index years later say the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from engines.facts import Exit, ExitKind
from engines.rundir import RunDir
from gateway.stores.spool import FORGET
from protocol.tasks import Outcome, Reason, TaskState

__all__ = ["FORGET", "Verdict", "begun_ms", "is_forgotten", "judge"]


class Verdict(NamedTuple):
    """A final state and how it came about."""

    state: TaskState
    outcome: Outcome


_REASONS = {
    ExitKind.EXITED: Reason.EXITED,
    ExitKind.SIGNALLED: Reason.SIGNALLED,
    ExitKind.START_FAILED: Reason.START_FAILED,
    ExitKind.KILLED: Reason.KILLED,
    ExitKind.KILLED_BEFORE_START: Reason.KILLED_BEFORE_START,
    ExitKind.TIME_LIMIT: Reason.TIME_LIMIT,
    ExitKind.OUT_OF_MEMORY: Reason.OUT_OF_MEMORY,
    ExitKind.LOST: Reason.SHIM_DIED,
}

_STATES = {
    ExitKind.KILLED: TaskState.KILLED,
    ExitKind.KILLED_BEFORE_START: TaskState.KILLED,
    ExitKind.TIME_LIMIT: TaskState.TIMED_OUT,
    ExitKind.LOST: TaskState.LOST,
}


def is_forgotten(run: RunDir) -> bool:
    """Whether the task was deleted, so that nothing of the run is to be kept or shown."""
    return Path(run.file(FORGET)).exists()


def begun_ms(run: RunDir, end: Exit) -> int:
    """When a run that ended had begun, in ms since the epoch; 0 if it had not.

    A short run says so in its ending only, and an ending that cannot be read says nothing.
    """
    if end.started_ms:
        return end.started_ms
    started = run.started()
    return started.started_ms if started else 0


def judge(end: Exit, *, wished: bool) -> Verdict:
    """The verdict on a run that ended. ``wished`` says that a kill was asked for and shown.

    A kill that was acknowledged ends as killed, also if the process went by itself meanwhile; what
    became of it is still in the outcome. A lost run stays lost.
    """
    if end.kind == ExitKind.EXITED:
        state = TaskState.SUCCEEDED if end.exit_code == 0 else TaskState.FAILED
    else:
        state = _STATES.get(end.kind, TaskState.FAILED)
    if wished and state is not TaskState.LOST:
        state = TaskState.KILLED
    known = end.reason in Reason.__members__.values()
    reason = Reason(end.reason) if known else _REASONS[end.kind]
    message = end.message
    if end.refused_line:
        message += f"; the disk was full: the log may be incomplete from line {end.refused_line} on"
    outcome = Outcome(
        reason, end.exit_code, end.signal, message, end.verified, refused_line=end.refused_line
    )
    return Verdict(state, outcome)
