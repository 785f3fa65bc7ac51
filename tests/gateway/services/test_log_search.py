"""Searching logs through the guard: whose logs, within which bounds."""

from __future__ import annotations

import pytest

from gateway.caller import Caller
from protocol.accounts import Principal, Role
from protocol.commands.logs import SearchLog
from protocol.commands.tasks import Execute
from protocol.errors import GatewayError, Kind
from protocol.tasks import ByNumber, Task
from tests.support.parts import Core

ANN = Caller(Principal("ann", Role.USER))


async def submitted(core: Core) -> Task:
    """A task of ann that nothing has started."""
    await core.parts.stores.lease.ready(1)
    return await core.dispatch(ANN, Execute("shell", "shell", "true", "test"))


async def test_a_task_that_said_nothing_has_no_match(core: Core) -> None:
    """And nothing more to look at; others do not learn that there is such a task."""
    task = await submitted(core)
    found = await core.dispatch(ANN, SearchLog(ByNumber(task.number), "hi"))
    assert (found.task.number, found.lines, found.more) == (task.number, (), False)
    with pytest.raises(GatewayError) as refusal:
        await core.dispatch(
            Caller(Principal("bob", Role.USER)), SearchLog(ByNumber(task.number), "hi")
        )
    assert refusal.value.kind is Kind.NOT_FOUND


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("text", {"text": ""}),
        ("text", {"text": "a\nb"}),
        ("text", {"text": "x" * 1001}),
        ("text", {"text": "\ud800"}),
        ("fromLine", {"line": 0}),
        ("fromLine", {"line": 1 << 60}),
        ("size", {"limit": 0}),
        ("size", {"limit": 1001}),
    ],
)
async def test_what_is_out_of_bounds_is_refused(
    core: Core, field: str, words: dict[str, object]
) -> None:
    """With the name of the field, before anything is read."""
    task = await submitted(core)
    command = SearchLog(**{"task": ByNumber(task.number), "text": "hi", **words})  # type: ignore[arg-type]
    with pytest.raises(GatewayError) as refusal:
        await core.dispatch(ANN, command)
    assert (refusal.value.kind, refusal.value.field) == (Kind.INVALID, field)
