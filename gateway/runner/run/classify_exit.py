"""What the end of a run means: the exit record of a run directory as state and outcome of its task.

The only place where it is decided, so that the runner that saw the end and one that rebuilds the
index years later say the same.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from engines.placed.guard import PLACE
from engines.rundir.archive import Damaged
from engines.rundir.directory import INDEX, RunDir
from engines.rundir.facts import Exit, ExitKind
from engines.rundir.index import find_point
from engines.rundir.replay import Replay
from gateway.journal import journal
from gateway.stores.spool import FORGET
from protocol.tasks import Outcome, Reason, TaskState

__all__ = [
    "DEAD_LEAF",
    "FORGET",
    "GIVEN_UP",
    "PREEMPTED",
    "FinalState",
    "begun_ms",
    "classify_exit",
    "final_state",
    "is_forgotten",
    "is_given_up",
    "last_line",
]

GIVEN_UP = "given_up"
"""The file of a run directory that says that the gateway could not record its run."""

_journal = journal(__name__)


class FinalState(NamedTuple):
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


PREEMPTED = "@preempted"
"""Who asks for the kill of a run whose leaves another one needs: no name of a user."""
DEAD_LEAF = "@dead-leaf"
"""Who asks for the kill of a run of which a leaf is dead."""

_CAUSES = {
    PREEMPTED: (Reason.PREEMPTED, "ended because a task that is not preemptible needs its slots"),
    DEAD_LEAF: (Reason.LEAF_DIED, "ended because a slot that it ran on was declared dead"),
    PLACE: (Reason.KILLED, "ended because the place where it ran wanted its job gone"),
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


def is_given_up(run: RunDir) -> bool:
    """Whether the gateway gave up on recording a run."""
    return os.path.lexists(run.file(GIVEN_UP))


def final_state(run: RunDir, end: Exit) -> FinalState:
    """The final state of a run that ended, by all that its directory says."""
    request = run.kill_request()
    who = request.who if request else ""
    return classify_exit(end, requested=request is not None, who=who, given_up=is_given_up(run))


def classify_exit(
    end: Exit, *, requested: bool, who: str = "", given_up: bool = False
) -> FinalState:
    """How a run ended, in the words of a task. ``requested``: a kill was asked for and shown.

    ``who`` is who asked for it.

    A kill that was acknowledged ends as killed, also if the process went by itself meanwhile; what
    became of it is still in the outcome. A lost run stays lost.
    """
    if end.kind == ExitKind.EXITED:
        state = TaskState.SUCCEEDED if end.exit_code == 0 else TaskState.FAILED
    else:
        state = _STATES.get(end.kind, TaskState.FAILED)
    if requested and state is not TaskState.LOST:
        state = TaskState.KILLED
    known = end.reason in Reason.__members__.values()
    reason = Reason(end.reason) if known else _REASONS[end.kind]
    message = end.message
    # The signal of a place may reach the process before the kill that it means.
    by_kill = reason in {Reason.KILLED, Reason.KILLED_BEFORE_START}
    if who in _CAUSES and (by_kill or (who == PLACE and reason is Reason.SIGNALLED)):
        reason, message = _CAUSES[who]
    if given_up:
        state, reason = TaskState.FAILED, Reason.INTERNAL_ERROR
        message = f"an internal error kept the gateway from recording the task; {message}"
    if end.refused_line:
        message += f"; the disk was full: the log may be incomplete from line {end.refused_line} on"
    outcome = Outcome(
        reason, end.exit_code, end.signal, message, end.verified, refused_line=end.refused_line
    )
    return FinalState(state, outcome)


def last_line(run: RunDir) -> int:
    """The number of the last line of a run that ended; of a damaged archive that of a late one."""
    try:
        with Replay(run) as replay:
            return replay.last()
    except Damaged as error:
        _journal.warning("log is damaged", run=run.run_id, error=str(error))
        return max(find_point(run.file(INDEX), 1 << 63).line - 1, 0)
