"""The events of a task, from what is on record in its run directory.

Nothing is written for them that is not written anyway: that a task was accepted, started, killed
and ended are facts of their own, and what was asked of it lies in its file of events. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from engines.rundir.requests import RunEvent
from gateway.stores.control import History
from protocol.control import TaskEvent
from protocol.tasks import Task, TaskState

__all__ = ["events_of"]

_STATES = {
    "hold": TaskState.HELD,
    "suspended": TaskState.SUSPENDED,
    "resumed": TaskState.RUNNING,
    "kill": TaskState.KILLING,
}


def events_of(task: Task, history: History) -> tuple[TaskEvent, ...]:
    """All of them, oldest first. The order of what was asked is that in which it was recorded."""
    events: list[TaskEvent] = []
    held = False
    for number, one in enumerate(_merged(task, history), 1):
        state = _STATES.get(one.event)
        if one.event == "resume" and held:
            state = TaskState.QUEUED
        elif one.event == "accepted":
            first = history.events[:1]
            state = TaskState.HELD if _from_the_beginning(task, first) else TaskState.QUEUED
        elif one.event == "started":
            state = TaskState.RUNNING
        elif one.event == "ended":
            state = task.state
        held = one.event == "hold" or (held and one.event != "resume")
        events.append(
            TaskEvent(
                number,
                one.at_ms,
                one.event,
                state,
                one.who,
                one.note,
                one.seconds,
                one.signal,
                one.tree,
                one.tags,
                one.removed,
                one.id,
            )
        )
    return tuple(events)


def _from_the_beginning(task: Task, first: tuple[RunEvent, ...]) -> bool:
    return bool(first) and first[0].event == "hold" and first[0].at_ms == task.created_ms


def _merged(task: Task, history: History) -> Iterator[RunEvent]:
    """What was recorded, with the other facts between by their times."""
    facts = sorted(_facts(task, history), key=lambda one: one.at_ms)
    yield RunEvent("accepted", task.created_ms, task.owner)
    for event in history.events:
        while facts and facts[0].at_ms < event.at_ms:
            yield facts.pop(0)
        yield event
    yield from facts


def _facts(task: Task, history: History) -> Iterator[RunEvent]:
    begun = history.started.started_ms if history.started else 0
    if history.ending is not None:
        begun = history.ending.started_ms or begun
    if begun:
        yield RunEvent("started", begun)
    if history.kill_request is not None:
        yield RunEvent("kill", history.kill_request.requested_ms, history.kill_request.who)
    if task.state.final:
        reason = task.outcome.reason.value if task.outcome else ""
        yield RunEvent("ended", task.finished_ms, note=reason)
