"""Control in the words of Linkis: what a request asks, and how a task is answered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

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
from protocol.control import EventPage, OpenedOutput, Stream, TaskEvent
from protocol.dialects.linkis.control import control_rows
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.tasks import ByNumber, Task, TaskId, TaskState

IDS = ExecIds("127.0.0.1:9400")
ROWS = {row.template.rpartition("/")[2]: row for row in control_rows(IDS)}
TASK = Task(
    id=TaskId("t"),
    number=12,
    owner="ann",
    engine="shell",
    language="shell",
    state=TaskState.SUSPENDED,
    created_ms=1,
    dialect="linkis",
    seconds=60.0,
    tags=("a", "b"),
)


def asked(name: str, body: object = None, query: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - a command
    """The command that a request means."""
    return ROWS[name].parse(request(name, body, query))


def request(name: str, body: object = None, query: dict[str, str] | None = None) -> Request:
    """A request about task 12."""
    data = b"" if body is None else json.dumps(body).encode()
    return Request("POST", f"/entrance/12/{name}", {"id": "12"}, query or {}, body=data)


def data_of(reply: Reply) -> dict[str, Any]:
    """What a reply's envelope carries."""
    assert isinstance(reply.body, bytes)
    data = json.loads(reply.body)["data"]
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize(
    ("name", "kind"), [("hold", Hold), ("resume", Resume), ("suspend", Suspend)]
)
def test_the_plain_ones_name_a_task(name: str, kind: type[Hold | Resume | Suspend]) -> None:
    """With any body or none."""
    bodies: list[object] = [None, {}, {"data": {}}]
    for body in bodies:
        command = asked(name, body)
        assert isinstance(command, kind)
        assert isinstance(command.task, ByNumber)
        assert command.task.number == 12


@pytest.mark.parametrize(
    ("body", "query", "wanted"),
    [
        ({"signal": "SIGUSR1"}, {}, (10, False, "")),
        ({"signal": 10, "all": True, "requestId": "x"}, {}, (10, True, "x")),
        ({"data": {"signal": "int"}}, {}, (2, False, "")),
        (None, {"signal": "12", "all": "true"}, (12, True, "")),
    ],
)
def test_a_signal(body: object, query: dict[str, str], wanted: tuple[int, bool, str]) -> None:
    """By name or number, in the body, in a message or in the query."""
    command = asked("signal", body, query)
    assert isinstance(command, Signal)
    assert (command.signal, command.tree, command.request_id) == wanted


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("signal", {}),
        ("signal", {"signal": "KILL"}),
        ("signal", {"signal": True}),
        ("signal", {"signal": [10]}),
        ("signal", {"signal": 10, "all": "perhaps"}),
        ("signal", {"signal": 10, "requestId": "x" * 129}),
        ("limit", {}),
        ("limit", {"seconds": -1}),
        ("limit", {"seconds": "soon"}),
        ("limit", {"seconds": 1e300}),
        ("tag", {"add": 5}),
        ("tag", {"add": [5]}),
        ("tag", {"add": ["x"] * 65}),
        ("tag", {"remove": ",".join(["x"] * 65)}),
    ],
)
def test_what_cannot_be_meant_is_refused(name: str, body: object) -> None:
    """As invalid, before anything is asked."""
    with pytest.raises(GatewayError) as refusal:
        asked(name, body)
    assert refusal.value.kind is Kind.INVALID


def test_a_limit() -> None:
    """A number, or its digits; 0 for none."""
    for given, seconds in ((7.5, 7.5), ("90", 90.0), (0, 0.0)):
        command = asked("limit", {"seconds": given})
        assert isinstance(command, SetLimit)
        assert command.seconds == seconds
    assert asked("limit", None, {"seconds": "5"}).seconds == 5


def test_tags() -> None:
    """Lists, or words with commas between."""
    command = asked("tag", {"add": ["a", "b"], "remove": "c, d,"})
    assert isinstance(command, Tag)
    assert (command.add, command.remove) == (("a", "b"), ("c", "d"))


def test_the_task_is_answered_with_its_own_state() -> None:
    """Beside the word of the contract, which has none for it."""
    data = data_of(ROWS["suspend"].render(TASK, request("suspend")))
    assert (data["status"], data["state"], data["taskID"]) == ("Running", "suspended", 12)
    assert (data["limitSeconds"], data["tags"]) == (60, ["a", "b"])


def test_events() -> None:
    """Pages of them; what does not belong to an event is left out."""
    command = asked("events", None, {"after": "3", "size": "2"})
    assert isinstance(command, ReadEvents)
    assert (command.after, command.limit) == (3, 2)
    found = (
        TaskEvent(4, 100, "signal", None, "ann", signal=10, tree=True),
        TaskEvent(5, 110, "ended", TaskState.KILLED, reason="killed"),
    )
    data = data_of(ROWS["events"].render(EventPage(TASK, found, 5, more=True), request("events")))
    assert data["events"] == [
        {"n": 4, "t": 100, "event": "signal", "who": "ann", "signal": "USR1", "all": True},
        {"n": 5, "t": 110, "event": "ended", "state": "killed", "reason": "killed"},
    ]
    assert (data["next"], data["more"]) == (5, True)


def test_output() -> None:
    """Bytes with where they begin; not over a websocket."""
    command = asked("output", None, {"stream": "stderr", "first": "-5"})
    assert isinstance(command, ReadOutput)
    assert (command.stream, command.first, command.last) == (Stream.ERR, -5, -1)
    with pytest.raises(GatewayError):
        asked("output", None, {"stream": "stdlog"})
    with pytest.raises(GatewayError) as refusal:
        ROWS["output"].parse(Request("GET", "/x", {"id": "12"}, websocket=True))
    assert refusal.value.kind is Kind.UNSUPPORTED

    async def nothing() -> AsyncIterator[bytes]:
        yield b"abc"

    found = OpenedOutput(TASK, Stream.OUT, 7, 3, complete=True, chunks=nothing())
    reply = ROWS["output"].render(found, request("output"))
    assert reply.length == 3
    assert reply.headers["X-Narthex-First"] == "7"
    assert reply.headers["X-Narthex-Next"] == "10"
    assert reply.headers["X-Narthex-Complete"] == "true"
