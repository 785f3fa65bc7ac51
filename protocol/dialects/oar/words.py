"""OAR's own words: states, versions and constants, and how the core's states are told.

OAR document, *GET /jobs*, and the tables of its user manual. A job that was killed, ran out of its
walltime or was lost is an ``Error``; one that ended by itself is ``Terminated``, whatever its exit
code was.
"""

from __future__ import annotations

from collections.abc import Mapping

from protocol.resources import LeafState
from protocol.tasks import Outcome, Reason, TaskState

__all__ = [
    "API_VERSION",
    "CHECKPOINT",
    "IN_THE_QUEUE",
    "NAME",
    "STATES",
    "VERSION",
    "exit_code",
    "leaf_state",
    "state_name",
    "states_of",
]

NAME = "oar"
"""What tasks of this dialect are marked with."""
CHECKPOINT = "checkpoint "
"""How the request ids of checkpoints begin, by which they are told from other signals."""
VERSION = "2.5.9"
API_VERSION = "1.0.2"

_S = TaskState
_BY_STATE: Mapping[TaskState, str] = {
    _S.ACCEPTED: "Waiting",
    _S.QUEUED: "Waiting",
    _S.HELD: "Hold",
    _S.STARTING: "Launching",
    _S.RUNNING: "Running",
    _S.SUSPENDED: "Suspended",
    _S.RETRYING: "toLaunch",
    _S.KILLING: "toError",
    _S.SUCCEEDED: "Terminated",
    _S.FAILED: "Terminated",
    _S.KILLED: "Error",
    _S.TIMED_OUT: "Error",
    _S.LOST: "Error",
}
STATES = (
    "Waiting",
    "Hold",
    "toLaunch",
    "toError",
    "toAckReservation",
    "Launching",
    "Running",
    "Suspended",
    "Resuming",
    "Finishing",
    "Terminated",
    "Error",
)
IN_THE_QUEUE = frozenset(STATES) - {"toError", "Terminated", "Error"}
"""The states of the jobs that a list shows if nothing else is asked for."""
_OWN_END = frozenset({Reason.EXITED, Reason.SIGNALLED})


def state_name(state: TaskState, outcome: Outcome | None) -> str:
    """What OAR calls the state of a task."""
    if state is TaskState.FAILED and outcome is not None and outcome.reason not in _OWN_END:
        return "Error"
    return _BY_STATE[state]


def states_of(names: frozenset[str]) -> tuple[TaskState, ...]:
    """The core's states that may be told as one of these; a failed one may be told as either."""
    return tuple(
        state
        for state, name in _BY_STATE.items()
        if name in names or (state is TaskState.FAILED and "Error" in names)
    )


def exit_code(outcome: Outcome | None) -> int | None:
    """The wait status of a job that ended by itself, None for all others."""
    if outcome is None:
        return None
    if outcome.reason is Reason.EXITED and outcome.exit_code is not None:
        return outcome.exit_code * 256
    return outcome.signal if outcome.reason is Reason.SIGNALLED else None


_LEAVES: Mapping[LeafState, tuple[str, int]] = {
    LeafState.ALIVE: ("Alive", 1),
    LeafState.ABSENT: ("Absent", 2),
    LeafState.SUSPECTED: ("Suspected", 3),
    LeafState.DEAD: ("Dead", 4),
}


def leaf_state(state: LeafState) -> tuple[str, int]:
    """What OAR calls the state of a resource, and its number."""
    return _LEAVES[state]
