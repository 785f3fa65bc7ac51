"""The events of a task, put together from what is on record."""

from __future__ import annotations

from dataclasses import replace

from engines.rundir.facts import Exit, ExitKind, KillRequest, Started
from engines.rundir.requests import RunEvent
from gateway.services.task_events import events_of
from gateway.stores.control import History
from protocol.tasks import Outcome, Reason, Task, TaskId, TaskState

TASK = Task(
    id=TaskId("t"),
    number=7,
    owner="ada",
    engine="shell",
    language="shell",
    state=TaskState.RUNNING,
    created_ms=100,
)


def names(task: Task, history: History) -> list[str]:
    """The events by name, with the state each led to."""
    return [
        f"{event.event}:{event.state.value}" if event.state else event.event
        for event in events_of(task, history)
    ]


def test_a_task_that_only_waits_was_accepted() -> None:
    """By its owner, when it was submitted."""
    (event,) = events_of(TASK, History())
    assert (event.number, event.at_ms, event.event, event.who) == (1, 100, "accepted", "ada")
    assert event.state is TaskState.QUEUED


def test_a_whole_life() -> None:
    """What was asked in the order in which it was recorded, the rest by its time."""
    history = History(
        events=(
            RunEvent("hold", 100, "ada"),
            RunEvent("tag", 105, "ada", tags=("x",)),
            RunEvent("resume", 110, "bob"),
            RunEvent("suspend", 130, "ada"),
            RunEvent("suspended", 131),
            RunEvent("signal", 135, "ada", signal=10),
            RunEvent("resume", 140, "ada"),
            RunEvent("resumed", 141),
        ),
        kill_request=KillRequest(1.0, 150, "root"),
        started=Started(4, 120),
        ending=Exit(ExitKind.KILLED, started_ms=120, ended_ms=160),
    )
    outcome = Outcome(Reason.KILLED, None, 15, "killed")
    task = replace(TASK, state=TaskState.KILLED, finished_ms=160, outcome=outcome)
    assert names(task, history) == [
        "accepted:held",
        "hold:held",
        "tag",
        "resume:queued",
        "started:running",
        "suspend",
        "suspended:suspended",
        "signal",
        "resume",
        "resumed:running",
        "kill:killing",
        "ended:killed",
    ]
    events = events_of(task, history)
    assert [event.number for event in events] == list(range(1, 13))
    assert (events[10].who, events[11].reason, events[3].who) == ("root", "killed", "bob")


def test_a_clock_that_jumps_changes_no_order() -> None:
    """Of what was recorded, whatever times it bears."""
    asked = (RunEvent("tag", 900, "ada"), RunEvent("limit", 50, "ada", seconds=3))
    found = names(TASK, History(events=asked, started=Started(4, 120)))
    assert found == ["accepted:queued", "started:running", "tag", "limit"]
