"""Control without a runner: what is durable, shown and refused by the gateway alone."""

from __future__ import annotations

import asyncio

import pytest

from gateway.caller import Caller
from gateway.stores.tasks import NO_EPOCH
from protocol.accounts import Principal, Role
from protocol.command import Command
from protocol.commands.control import (
    Hold,
    ReadEvents,
    ReadOutput,
    Resume,
    SetLimit,
    Signal,
    Suspend,
    Tag,
)
from protocol.commands.tasks import DeleteTask, Execute, Kill, ReadTask
from protocol.errors import Kind
from protocol.tasks import ById, Task, TaskState
from tests.support.parts import Core
from tests.support.refusals import refused_as

ANN = Caller(Principal("ann", Role.USER))
BOB = Caller(Principal("bob", Role.USER))
ADMIN = Caller(Principal("root", Role.ADMIN))


async def submitted(core: Core, *, hold: bool = False, seconds: float = 0.0) -> Task:
    """A task of ann's, which no runner will take."""
    await core.parts.stores.lease.ready(1)
    execute = Execute("shell", "shell", "true", "test", hold=hold, seconds=seconds)
    return await core.dispatch(ANN, execute)


def all_about(task: Task) -> list[Command[object]]:
    """Every command about a task."""
    ref = ById(task.id)
    return [
        Hold(ref),
        Resume(ref),
        Suspend(ref),
        Signal(ref, 10),
        SetLimit(ref, 5.0),
        Tag(ref, ("a",)),
        ReadEvents(ref),
        ReadOutput(ref),
    ]


async def test_a_task_is_held_and_resumed(core: Core) -> None:
    """It leaves the queue and comes back; it counts among those that wait all the time."""
    task = await submitted(core)
    held = await core.dispatch(ANN, Hold(ById(task.id)))
    assert held.state is TaskState.HELD
    assert (await core.parts.stores.queue.counts("ann")).waiting == 0
    assert (await core.dispatch(ANN, ReadTask(ById(task.id)))).state is TaskState.HELD
    resumed = await core.dispatch(ADMIN, Resume(ById(task.id)))
    assert resumed.state is TaskState.QUEUED
    assert (await core.parts.stores.queue.counts("ann")).waiting == 1
    page = await core.dispatch(ANN, ReadEvents(ById(task.id)))
    assert [(event.event, event.who) for event in page.events] == [
        ("accepted", "ann"),
        ("hold", "ann"),
        ("resume", "root"),
    ]


async def test_a_task_may_be_held_from_the_beginning(core: Core) -> None:
    """It is answered as held, and is in no queue."""
    task = await submitted(core, hold=True)
    assert task.state is TaskState.HELD
    assert (await core.parts.stores.queue.counts("ann")).waiting == 0
    assert (await core.dispatch(ANN, Kill(ById(task.id)))).state is TaskState.KILLING
    assert await refused_as(core.dispatch(ANN, Resume(ById(task.id)))) is Kind.CONFLICT


async def test_what_belongs_to_others_is_not_there(core: Core) -> None:
    """For every command alike; and nothing is recorded."""
    task = await submitted(core)
    for command in all_about(task):
        assert await refused_as(core.dispatch(BOB, command)) is Kind.NOT_FOUND, command
    assert len((await core.dispatch(ANN, ReadEvents(ById(task.id)))).events) == 1


async def test_what_was_deleted_is_gone(core: Core) -> None:
    """For every command alike."""
    task = await submitted(core)
    await core.dispatch(ANN, DeleteTask(ById(task.id)))
    for command in all_about(task):
        assert await refused_as(core.dispatch(ANN, command)) in {Kind.NOT_FOUND, Kind.GONE}, command


async def test_limit_and_tags_are_shown(core: Core) -> None:
    """The limit that was submitted until there is another."""
    task = await submitted(core, seconds=50.0)
    ref = ById(task.id)
    assert (await core.dispatch(ANN, ReadTask(ref))).seconds == 50
    assert (await core.dispatch(ANN, SetLimit(ref, 7.0))).seconds == 7
    assert (await core.dispatch(ANN, Tag(ref, ("a", "b")))).tags == ("a", "b")
    found = await core.dispatch(ANN, Tag(ref, ("c",), ("a",)))
    assert (found.tags, found.seconds, found.state) == (("b", "c"), 7, TaskState.QUEUED)
    assert await core.dispatch(ANN, ReadTask(ref)) == found


@pytest.mark.parametrize("number", [0, 9, 19, 64, -1])
async def test_what_may_not_be_sent_is_refused(core: Core, number: int) -> None:
    """Before anything is looked up in the run directory."""
    task = await submitted(core)
    assert await refused_as(core.dispatch(ANN, Signal(ById(task.id), number))) is Kind.INVALID


async def test_many_at_once_end_in_one_truth(core: Core) -> None:
    """Whatever order the news of them come in, the index shows what the run directory says."""
    task = await submitted(core)
    ref = ById(task.id)
    commands: list[Command[Task]] = [Hold(ref) if turn % 2 else Resume(ref) for turn in range(30)]
    commands += [Tag(ref, (f"t{turn}",)) for turn in range(8)]
    await asyncio.gather(*(core.dispatch(ANN, command) for command in commands))
    control = await core.parts.stores.control_files.control(task.id)
    assert control is not None
    shown = await core.dispatch(ANN, ReadTask(ref))
    assert (shown.state is TaskState.HELD) is control.held
    assert shown.tags == control.tags
    assert len(control.tags) == 8


async def test_events_come_in_pages(core: Core) -> None:
    """Each once, in order, whatever the size of the page."""
    task = await submitted(core)
    ref = ById(task.id)
    for turn in range(6):
        await core.dispatch(ANN, SetLimit(ref, float(turn + 1)))
    numbers, after, more = [], 0, True
    while more:
        page = await core.dispatch(ANN, ReadEvents(ref, after, 2))
        numbers += [event.number for event in page.events]
        after, more = page.next, page.more
    assert numbers == list(range(1, 8))
    beyond = await core.dispatch(ANN, ReadEvents(ref, 100, 5))
    assert (beyond.events, beyond.next, beyond.more) == ((), 7, False)
    assert await refused_as(core.dispatch(ANN, ReadEvents(ref, -1))) is Kind.INVALID


async def test_older_news_change_nothing(core: Core) -> None:
    """Shown late, a hold does not undo the resume after it; shown again, the newest is kept."""
    task = await submitted(core)
    ref, files, store = ById(task.id), core.parts.stores.control_files, core.parts.stores.controls
    await core.dispatch(ANN, Hold(ref))
    old = await files.control(task.id)
    await core.dispatch(ANN, Resume(ref))
    new = await files.control(task.id)
    assert old is not None
    assert new is not None
    assert (await store.show(task.id, NO_EPOCH, old, 1)).state is TaskState.QUEUED
    before = await core.dispatch(ANN, ReadTask(ref))
    assert await store.show(task.id, NO_EPOCH, new, 1) == before
