"""The events of a job by OAR's names, newest first.

OAR document, *GET /jobs/<id>*, and what a 2.5.9 server tells: one thing that happens here is up to
four events there, and some that happen here are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from protocol.commands.board import PublicTask
from protocol.control import TaskEvent
from protocol.dialects.oar.words import CHECKPOINT, state_name
from protocol.media import JsonValue
from protocol.tasks import Reason, TaskState

__all__ = ["RESUBMITTED", "event_names", "shown_events"]

RESUBMITTED = "RESUBMIT_JOB_AUTOMATICALLY"
_NAMES = {
    "kill": ("FRAG_JOB_REQUEST",),
    "hold": ("HOLD_WAITING_JOB",),
    "suspend": ("HOLD_RUNNING_JOB",),
    "resume": ("RESUME_JOB",),
    "warned": ("CHECKPOINT", "CHECKPOINT_SUCCESSFULL"),
    "limit": ("WALLTIME_CHANGE",),
}
_SELF_ENDED = "SWITCH_INTO_TERMINATE_STATE"
_ENDED = "SWITCH_INTO_ERROR_STATE"
_KILLED = ("SEND_KILL_JOB", _ENDED)


def shown_events(task: PublicTask, events: Iterable[TaskEvent]) -> list[JsonValue]:
    """What happened to a job, newest first."""
    named = [(name, event) for name, event in _named(task, events)]
    shown: list[JsonValue] = [
        {
            "event_id": number,
            "job_id": task.number,
            "type": name,
            "date": event.at_ms // 1000,
            "description": event.reason or event.event,
            "to_check": "NO",
        }
        for number, (name, event) in enumerate(named, 1)
    ]
    return shown[::-1]


def event_names(task: PublicTask, events: Iterable[TaskEvent]) -> list[str]:
    """The names alone, oldest first."""
    return [name for name, _ in _named(task, events)]


def _named(task: PublicTask, events: Iterable[TaskEvent]) -> Iterator[tuple[str, TaskEvent]]:
    checkpoint = False
    for event in events:
        match event.event:
            case "signal":
                checkpoint = event.request_id.startswith(CHECKPOINT)
                yield "CHECKPOINT" if checkpoint else f"SIGNAL_{event.signal}", event
            case "signalled":
                yield "CHECKPOINT_SUCCESS" if checkpoint else "SIG_SUCCESS", event
            case "ended":
                for name in _end(task):
                    yield name, event
            case _:
                for name in _NAMES.get(event.event, ()):
                    yield name, event


def _end(task: PublicTask) -> tuple[str, ...]:
    reason = task.outcome.reason if task.outcome else None
    if state_name(task.state, task.outcome) == "Terminated":
        return (_SELF_ENDED,)
    if task.state is TaskState.TIMED_OUT:
        return ("FRAG_JOB_REQUEST", "WALLTIME", *_KILLED)
    if reason is Reason.PREEMPTED:
        types = task.client.get("types")
        again = isinstance(types, list | tuple) and "idempotent" in types
        return ("BESTEFFORT_KILL", *_KILLED, *((RESUBMITTED,) if again else ()))
    if reason is Reason.START_FAILED:
        return (_ENDED, "WORKING_DIRECTORY")
    return _KILLED if reason is Reason.KILLED else (_ENDED,)
