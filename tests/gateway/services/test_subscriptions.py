"""Following a task: through the guard like every verb, and told what is there at once."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from gateway.caller import Caller
from protocol.accounts import Principal, Reads, Role
from protocol.commands.subscriptions import FollowTask, Watch
from protocol.commands.tasks import Execute
from protocol.errors import GatewayError, Kind
from protocol.events import Event, StateChanged, SubmitUnconfirmed
from protocol.tasks import ById, TaskState
from tests.support.parts import Core
from tests.support.waiting import wait_until

ANN, BOB = Principal("ann", Role.USER), Principal("bob", Role.USER)


async def submitted(core: Core, *, shared: bool = False) -> ById:
    """A task of Ann's that waits."""
    await core.parts.stores.lease.ready(1)
    execute = Execute("shell", "shell", "true", "pai", shared=shared)
    return ById((await core.dispatch(Caller(ANN), execute)).id)


async def events_of(core: Core, caller: Caller, command: FollowTask, count: int) -> list[Event]:
    """The first events that a subscription tells."""
    following = await core.dispatch(caller, command)
    events: list[Event] = []

    async def tell(event: Event | None, then: Callable[[], None] | None) -> None:
        if event is not None:
            events.append(event)
        if then is not None:
            then()

    async with asyncio.TaskGroup() as group:
        run = group.create_task(_awaited(following.run(tell, contextlib.AsyncExitStack())))
        await wait_until(lambda: len(events) >= count or run.done(), "the events")
        run.cancel()
    return events


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def test_what_is_there_is_told_at_once(core: Core) -> None:
    """To the owner, and to others where the route opens what is shared."""
    ref = await submitted(core, shared=True)
    command = FollowTask(ref, watch=Watch(state=True))
    for caller in (Caller(ANN), Caller(BOB, reads=Reads.LOGGED_IN), Caller(None, "", Reads.PUBLIC)):
        (event,) = await events_of(core, caller, command, 1)
        assert isinstance(event, StateChanged)
        assert event.task.state is TaskState.QUEUED


async def test_nobody_follows_what_they_may_not_see(core: Core) -> None:
    """A foreign task is not there, and a stranger is asked to log in."""
    ref = await submitted(core)
    for caller, kind in (
        (Caller(BOB), Kind.NOT_FOUND),
        (Caller(BOB, reads=Reads.PUBLIC), Kind.NOT_FOUND),
        (Caller(None), Kind.UNAUTHENTICATED),
    ):
        with pytest.raises(GatewayError) as error:
            await core.dispatch(caller, FollowTask(ref))
        assert error.value.kind is kind


async def test_what_nobody_was_told_of_is_not_resumed(core: Core) -> None:
    """Who wants only what was begun is told nothing, and acknowledges in vain."""
    ref = await submitted(core)
    command = FollowTask(ref, watch=Watch(state=True), resume=True, begun=True)
    following = await core.dispatch(Caller(ANN), command)
    following.acknowledge(command.cursor)
    assert await events_of(core, Caller(ANN), command, 1) == []


async def test_an_answer_that_never_arrived_is_told_first(core: Core) -> None:
    """Linkis section 9, point 5: before anything else, and no more once it is known to be there."""
    ref = await submitted(core)
    command = FollowTask(ref, watch=Watch(state=True), resume=True, acknowledge=True)
    events = await events_of(core, Caller(ANN), command, 2)
    assert [type(event) for event in events] == [SubmitUnconfirmed, StateChanged]
    assert [type(event) for event in await events_of(core, Caller(ANN), command, 1)] == [
        StateChanged
    ]
