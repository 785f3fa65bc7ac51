"""What nodes say to one another: everything of the protocol, as it is, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from engines.rundir.facts import RunState
from gateway.services.peer_values import decoded, encoded
from protocol.accounts import Principal, Reads, Role, TokenFacts
from protocol.commands.control import Signal
from protocol.commands.history import TaskQuery
from protocol.commands.kills import KillAndReport
from protocol.commands.logs import LogRead
from protocol.commands.tasks import Execute
from protocol.control import OpenedOutput, Stream
from protocol.errors import GatewayError, Kind
from protocol.logs import Block, Cursor, Gap, LogPage, Mark
from protocol.logs import Stream as LogStream
from protocol.results import Column, ColumnType, ResultKind, ResultPage, ResultSet
from protocol.tasks import ById, ByName, ByNumber, FileInput, TaskId, TaskState
from tests.support.specs import make_spec

TASK = make_spec(client={"a": [1, None, {"b": True}], "c": 1.5}).task()
BLOCK = Block(1, 2, b"\xff\x00\nx", (Mark(2, LogStream.ERR, 7),))
PAGE = LogPage((BLOCK,), Cursor(3, 0), 1, 2, eof=True, gaps=(Gap(1, 1),))
COLUMNS = (Column("n", ColumnType.INT),)
RESULT = ResultSet(0, ResultKind.TABLE, COLUMNS, 2, 9, complete=True, truncated=False, limit=0)


@pytest.mark.parametrize(
    "value",
    [
        None,
        (1, "x", b"\xff", 2.5, True, [1, (2,)], {"$": 1, "m": 2}, {1: "int"}),
        Principal("ann", Role.ADMIN, "t", 5, TokenFacts("t", 1, 2, 3, parents=("p",)), "root"),
        Reads.PUBLIC,
        TASK,
        LogRead(PAGE, TASK),
        ResultPage(TASK, RESULT, 0, ((1,), (None,))),
        Signal(ByName("ann", "x"), 10),
        KillAndReport(ByNumber(3, "ann", (("a", "b"),), 4), 1.0, 2.0),
        Execute("shell", "shell", "true", "d", inputs=(FileInput("o"),), environment={"A": "b"}),
        TaskQuery(states=(TaskState.LOST,), code_bytes=3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_comes_as_it_went(value: object) -> None:
    """Equal, of the same types, with bytes as bytes."""
    data, stream = encoded(value)
    assert stream is None
    assert decoded(data) == value
    assert type(decoded(data)) is type(value)


async def test_a_stream_goes_beside_its_value() -> None:
    """A mark stands in its place, and there is one at most."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"

    value = OpenedOutput(TASK, Stream.ERR, 0, 1, complete=True, chunks=pieces())
    data, stream = encoded(value)
    assert stream is value.chunks
    found = decoded(data, pieces())
    assert (found.task, found.stream) == (TASK, Stream.ERR)
    assert [piece async for piece in found.chunks] == [b"x"]
    with pytest.raises(TypeError, match="one stream"):
        encoded((value, value))


@pytest.mark.parametrize("value", [RunState.ENDED, object(), {1, 2}, make_spec()])
def test_what_is_not_of_the_protocol_is_not_said(value: object) -> None:
    """A fault of ours, noticed where it is said."""
    with pytest.raises(TypeError):
        encoded(value)


@pytest.mark.parametrize(
    "said",
    [
        {"$": "os:system", "t": ["true"]},
        {"$": "protocol.tasks:replace", "t": []},
        {"$": "protocol.tasks.dataclass:x", "f": {}},
        {"$": "protocol.tasks:dataclass", "t": []},
        {"$": "protocol.tasks:Task", "f": {"nothing": 1}},
        {"$": "protocol.tasks:TaskState", "v": "elsewhere"},
        {"$": "protocol.nothing:Task", "f": {}},
        {"nothing": 1},
    ],
)
def test_what_cannot_be_is_refused(said: object) -> None:
    """No name leads out of the protocol, and nothing but its values is made."""
    with pytest.raises(GatewayError) as caught:
        decoded(msgspec.msgpack.encode(said))
    assert caught.value.kind is Kind.INVALID


def test_neither_noise_nor_depth_is_read() -> None:
    """Both are refused in one sentence."""
    deep: object = ById(TaskId("x"))
    for _ in range(100):
        deep = [deep]
    for data in (b"\xc1", b"", encoded(deep)[0]):
        with pytest.raises(GatewayError):
            decoded(data)
