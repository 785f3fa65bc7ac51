"""What a job's events are called (contract, sections 6.1 and the appendix)."""

from __future__ import annotations

import pytest

from protocol.commands.board import PublicTask
from protocol.control import TaskEvent
from protocol.dialects.oar.job_events import event_names, shown_events
from protocol.tasks import Outcome, Reason, Task, TaskId, TaskState


def job(state: TaskState, reason: Reason, types: tuple[str, ...] = ()) -> PublicTask:
    """A job that ended so."""
    outcome = Outcome(reason, None, None, "")
    client = {"types": list(types)}
    task = Task(
        TaskId("a"),
        7,
        "ann",
        "shell",
        "bash",
        state,
        1,
        dialect="oar",
        client=client,
        outcome=outcome,
    )
    return PublicTask.of(task)


ENDED = TaskEvent(9, 9000, "ended")


@pytest.mark.parametrize(
    ("state", "reason", "types", "names"),
    [
        (TaskState.SUCCEEDED, Reason.EXITED, (), "SWITCH_INTO_TERMINATE_STATE"),
        (TaskState.FAILED, Reason.EXITED, (), "SWITCH_INTO_TERMINATE_STATE"),
        (TaskState.FAILED, Reason.START_FAILED, (), "SWITCH_INTO_ERROR_STATE WORKING_DIRECTORY"),
        (TaskState.KILLED, Reason.KILLED, (), "SEND_KILL_JOB SWITCH_INTO_ERROR_STATE"),
        (TaskState.KILLED, Reason.KILLED_BEFORE_START, (), "SWITCH_INTO_ERROR_STATE"),
        (
            TaskState.TIMED_OUT,
            Reason.TIME_LIMIT,
            (),
            "FRAG_JOB_REQUEST WALLTIME SEND_KILL_JOB SWITCH_INTO_ERROR_STATE",
        ),
        (
            TaskState.KILLED,
            Reason.PREEMPTED,
            ("besteffort", "idempotent"),
            "BESTEFFORT_KILL SEND_KILL_JOB SWITCH_INTO_ERROR_STATE RESUBMIT_JOB_AUTOMATICALLY",
        ),
        (
            TaskState.KILLED,
            Reason.PREEMPTED,
            ("besteffort",),
            "BESTEFFORT_KILL SEND_KILL_JOB SWITCH_INTO_ERROR_STATE",
        ),
    ],
)
def test_how_a_job_ended(
    state: TaskState, reason: Reason, types: tuple[str, ...], names: str
) -> None:
    """Each kind of end has its events."""
    accepted = TaskEvent(1, 1000, "accepted")
    assert event_names(job(state, reason, types), [accepted, ENDED]) == names.split()


def test_what_was_asked_of_a_job() -> None:
    """A checkpoint is told from a signal of the same number; newest first, numbered from 1."""
    events = [
        TaskEvent(1, 1000, "hold"),
        TaskEvent(2, 2000, "resume"),
        TaskEvent(3, 3000, "signal", signal=12, request_id="checkpoint 3000"),
        TaskEvent(4, 3500, "signalled", signal=12),
        TaskEvent(5, 4000, "signal", signal=12),
        TaskEvent(6, 4500, "signalled", signal=12),
        TaskEvent(7, 5000, "warned"),
        TaskEvent(8, 6000, "suspend"),
        ENDED,
    ]
    known = job(TaskState.SUCCEEDED, Reason.EXITED)
    assert event_names(known, events) == [
        "HOLD_WAITING_JOB",
        "RESUME_JOB",
        "CHECKPOINT",
        "CHECKPOINT_SUCCESS",
        "SIGNAL_12",
        "SIG_SUCCESS",
        "CHECKPOINT",
        "CHECKPOINT_SUCCESSFULL",
        "HOLD_RUNNING_JOB",
        "SWITCH_INTO_TERMINATE_STATE",
    ]
    shown = shown_events(known, events)
    assert isinstance(shown[0], dict)
    assert (shown[0]["event_id"], shown[0]["date"], shown[0]["job_id"]) == (10, 9, 7)
