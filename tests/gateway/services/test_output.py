"""What a task printed, over the whole core: who may read it, also by its last lines."""

from __future__ import annotations

import pytest

from gateway.caller import Caller
from protocol.accounts import Principal, Role
from protocol.commands.control import ReadOutput
from protocol.commands.tasks import Execute
from protocol.errors import GatewayError, Kind
from protocol.tasks import ById
from tests.support.parts import Core

ANN, BO = Caller(Principal("ann", Role.USER)), Caller(Principal("bo", Role.USER))


async def test_a_task_that_printed_nothing_has_no_last_lines(core: Core) -> None:
    """It is there for its owner alone, empty, as long as nothing was printed."""
    await core.parts.stores.lease.ready(1)
    task = await core.dispatch(ANN, Execute("shell", "sh", "true", "test"))
    for lines in (0, 5):
        found = await core.dispatch(ANN, ReadOutput(ById(task.id), lines=lines))
        assert (found.first, found.length, found.complete) == (0, 0, False)
        assert b"".join([piece async for piece in found.chunks]) == b""
        with pytest.raises(GatewayError) as error:
            await core.dispatch(BO, ReadOutput(ById(task.id), lines=lines))
        assert error.value.kind is Kind.NOT_FOUND
