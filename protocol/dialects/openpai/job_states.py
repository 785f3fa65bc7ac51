"""States, exit codes and retries of jobs and tasks, from what the core knows of a group.

Contract 4.5. Every code that is shown was collected from a process, or says which part of the
gateway ended it.
"""

from __future__ import annotations

from protocol.dialects.openpai.exit_specs import (
    CANNOT_EVER_START,
    OUT_OF_MEMORY,
    START_FAILED,
    STOPPED_BY_USER,
    STOPPED_TASK,
)
from protocol.groups import Attempt, Cause, Group, GroupState, MemberState
from protocol.tasks import Outcome, Reason, Task, TaskState

__all__ = [
    "EXECUTION_TYPE",
    "execution_type",
    "job_exit_code",
    "job_state",
    "retry_details",
    "sub_state",
    "task_exit_code",
    "task_state",
    "triggered_by",
]

EXECUTION_TYPE = "executionType"
"""The note of a job that says what was last asked of it after its end."""
_SIGNALLED = 128

_JOB = {
    GroupState.WAITING: ("WAITING", "FRAMEWORK_WAITING"),
    GroupState.RUNNING: ("RUNNING", "APPLICATION_RUNNING"),
    GroupState.STOPPING: ("RUNNING", "APPLICATION_RUNNING"),
    GroupState.RETRYING: ("WAITING", "APPLICATION_RETRIEVING_DIAGNOSTICS"),
    GroupState.SUCCEEDED: ("SUCCEEDED", "FRAMEWORK_COMPLETED"),
    GroupState.FAILED: ("FAILED", "FRAMEWORK_COMPLETED"),
    GroupState.KILLED: ("STOPPED", "FRAMEWORK_COMPLETED"),
}

_TASK = {
    TaskState.SUCCEEDED: "SUCCEEDED",
    TaskState.FAILED: "FAILED",
    TaskState.TIMED_OUT: "FAILED",
    TaskState.KILLED: "STOPPED",
    TaskState.LOST: "UNKNOWN",
}
_BY_REASON = {Reason.OUT_OF_MEMORY: OUT_OF_MEMORY, Reason.START_FAILED: START_FAILED}
_RUNNING = frozenset({TaskState.RUNNING, TaskState.KILLING, TaskState.SUSPENDED})


def job_state(group: Group, *, stopping: bool = False) -> str:
    """The word for a job. With ``stopping`` a job on its way to the end says so."""
    if stopping and group.state is GroupState.STOPPING and group.killed_ms:
        return "STOPPING"
    return _JOB[group.state][0]


def execution_type(group: Group) -> str:
    """What was last asked of a job; asking a job that has ended changes nothing else."""
    return group.notes.get(EXECUTION_TYPE) or ("STOP" if group.killed_ms else "START")


def sub_state(group: Group) -> str:
    """The finer word, which the launcher of the original had."""
    return _JOB[group.state][1]


def retry_details(group: Group) -> dict[str, int]:
    """How many attempts were made again, by why."""
    found = {"user": 0, "platform": 0, "resource": 0}
    for attempt in group.attempts:
        verdict = attempt.verdict
        if verdict is not None and verdict.again:
            found["platform" if verdict.cause is Cause.PLATFORM else "user"] += 1
    return found


def task_state(task: Task | None, group: Group) -> str:
    """The word for a task; one that was never made waits, or was stopped with its job."""
    if task is None:
        return "STOPPED" if group.state.final else "WAITING"
    if task.state in _RUNNING:
        return "RUNNING"
    return _TASK.get(task.state, "WAITING")


def task_exit_code(task: Task | None, group: Group) -> int | None:
    """The code of a task that ended, None while it goes on."""
    if task is None:
        return STOPPED_TASK if group.state.final else None
    if not task.state.final or task.outcome is None:
        return None
    if group.client.get("impossible"):
        return CANNOT_EVER_START
    return _collected(task.state, task.outcome)


def _collected(state: TaskState, outcome: Outcome) -> int | None:
    """The code by how a run ended; a task that was stopped keeps a code of its own."""
    if state is TaskState.KILLED:
        return (outcome.signal is None and outcome.exit_code) or STOPPED_TASK
    if outcome.reason in _BY_REASON:
        return _BY_REASON[outcome.reason]
    return outcome.exit_code if outcome.signal is None else _SIGNALLED + outcome.signal


def job_exit_code(group: Group, attempt: Attempt | None) -> int | None:
    """The code of a job that ended: that of the task which decided."""
    if not group.state.final:
        return None
    if group.state is GroupState.KILLED:
        return STOPPED_BY_USER
    trigger = triggered_by(attempt)
    if trigger is None:
        return 0 if group.state is GroupState.SUCCEEDED else None
    return task_exit_code(trigger.task, group)


def triggered_by(attempt: Attempt | None) -> MemberState | None:
    """The member whose end decided an attempt."""
    if attempt is None or attempt.verdict is None or attempt.verdict.trigger is None:
        return None
    for member in attempt.members:
        if member.key == attempt.verdict.trigger:
            return member
    return None
