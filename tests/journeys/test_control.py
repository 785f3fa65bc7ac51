"""Control as a script asks for it: over a websocket, over HTTP, and of a statement in a session."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from tests.journeys.entrance import Caller, executing, frame, opened, shell
from tests.support.served import Served
from tests.support.waiting import wait_until_sync

COUNTS = "trap 'echo caught' USR1; echo ready; while :; do sleep 0.02; done"


async def answered(socket: ClientConnection, text: str) -> dict[str, Any]:
    """The reply to a message; what is pushed meanwhile is passed over."""
    method = json.loads(text)["method"]
    await socket.send(text)
    while True:
        message = json.loads(await socket.recv())
        if message["method"] == method:
            assert isinstance(message, dict)
            return message


async def test_everything_is_asked_over_a_websocket(served: Served) -> None:
    """By the same names, with what is needed in ``data``."""
    async with opened(served) as socket:
        task = await executing(socket, COUNTS)
        with Caller(served) as caller:
            wait_until_sync(lambda: caller.status(task) == "Running", "it to run", 20)
        steps: tuple[tuple[str, dict[str, object], str], ...] = (
            ("suspend", {}, "suspended"),
            ("tag", {"add": ["a"]}, "suspended"),
            ("limit", {"seconds": 500}, "suspended"),
            ("resume", {}, "running"),
            ("signal", {"signal": "USR1"}, "running"),
        )
        for verb, data, state in steps:
            message = await answered(socket, frame(f"{task}/{verb}", data))
            assert message["status"] == 0, message
            assert message["data"]["state"] == state
        assert message["data"]["tags"] == ["a"]
        page = await answered(socket, frame(f"{task}/events", {"size": 3}))
        assert [event["event"] for event in page["data"]["events"]][:1] == ["accepted"]
        assert page["data"]["more"]
        refused = await answered(socket, frame(f"{task}/hold"))
        assert refused["status"] == 1
        assert "suspend it instead" in refused["message"]
        output = await answered(socket, frame(f"{task}/output"))
        assert output["status"] == 1
        assert (await answered(socket, frame(f"{task}/kill", {"grace": 0})))["status"] == 0


def test_a_task_is_warned_before_its_time_is_up(caller: Caller) -> None:
    """It writes its checkpoint and ends by itself."""
    code = "trap 'echo checkpoint; exit 0' USR1; while :; do sleep 0.02; done"
    warn = {"signal": "USR1", "seconds": 59}
    params = {"configuration": {"runtime": {"jobRunningTimeout": 60}}}
    task = caller.execute(code, warn=warn, params=params)
    assert caller.finished(task) == "Succeed"
    assert [line["text"] for line in caller.lines(task)] == ["checkpoint"]


def test_a_statement_in_a_session_is_interrupted_and_not_suspended(caller: Caller) -> None:
    """What is not possible is refused with a sentence, and changes nothing."""
    body = shell("print('ready', flush=True)\nimport time\ntime.sleep(60)")
    body |= {"executeApplicationName": "python", "runType": "python"}
    task = str(caller.call("POST", "execute", json=body)["execID"])
    first = {"format": "lines", "fromLine": 1, "wait": 20}
    wait_until_sync(
        lambda: caller.call("GET", f"{task}/log", params=first)["lines"], "its line", 40
    )
    for verb, data in (("suspend", {}), ("signal", {"signal": "USR1"})):
        reply = caller.http.post(f"{caller.gateway.api}/{task}/{verb}", json=data)
        assert reply.status_code != 200
        assert "session" in reply.json()["message"]
    caller.call("POST", f"{task}/limit", json={"seconds": 50})
    caller.call("POST", f"{task}/signal", json={"signal": "INT"})
    assert caller.finished(task) == "Failed"


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("signal", b"{"),
        ("signal", b"[]"),
        ("signal", b'{"signal": "KILL"}'),
        ("signal", b'{"signal": {"a": 1}}'),
        ("signal", b'{"signal": 99999999999999999999}'),
        ("limit", b'{"seconds": 1e400}'),
        ("limit", b'{"seconds": -5}'),
        ("limit", b'{"seconds": null}'),
        ("tag", b'{"add": ["\\u0000"]}'),
        ("tag", b'{"add": "' + b"x" * 100 + b'"}'),
        ("tag", b'{"add": [["x"]]}'),
    ],
)
def test_bad_input_is_refused(caller: Caller, verb: str, body: bytes) -> None:
    """In the envelope, with nothing asked of the task."""
    task = caller.execute("sleep 30", hold=True)
    reply = caller.http.post(
        f"{caller.gateway.api}/{task}/{verb}",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    assert 400 <= reply.status_code < 500, reply.text
    assert reply.json()["status"] != 0
    events = caller.call("GET", f"{task}/events")["events"]
    assert [event["event"] for event in events] == ["accepted", "hold"]
    caller.call("POST", f"{task}/kill", params={"grace": 0})


@pytest.mark.parametrize(
    "query",
    [
        {"after": "-1"},
        {"size": "-1"},
        {"after": "x"},
        {"size": "99999999999999999999"},
    ],
)
def test_bad_pages_of_events_are_refused(caller: Caller, query: dict[str, str]) -> None:
    """A number beyond the end is an empty page."""
    task = caller.execute("true")
    reply = caller.http.get(f"{caller.gateway.api}/{task}/events", params=query)
    assert 400 <= reply.status_code < 500
    page = caller.call("GET", f"{task}/events", params={"after": "999999"})
    assert (page["events"], page["more"]) == ([], False)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"stream": "stdlog"}, 412),
        ({"first": "x"}, 412),
        ({"first": "-999999999999"}, 200),
        ({"first": "999999999999", "last": "0"}, 200),
        ({"first": "3", "last": "1"}, 200),
    ],
)
def test_any_stretch_of_output_may_be_asked_for(
    caller: Caller, query: dict[str, str], code: int
) -> None:
    """What there is not is empty."""
    task = caller.execute("printf abcdef")
    caller.finished(task)
    reply: httpx.Response = caller.http.get(f"{caller.gateway.api}/{task}/output", params=query)
    assert reply.status_code == code
    if code == 200:
        assert reply.content in (b"", b"abcdef")
        assert int(reply.headers["X-Narthex-Next"]) <= 6
