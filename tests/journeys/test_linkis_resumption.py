"""What a dead connection did not deliver is delivered by the next: submits, lines, the end.

Contract, section 9 at its end, points 5 and 6. A client that reads nothing stands for a connection
that is dead already: what is written to it is taken by the system and by nobody else.
"""

import asyncio
import base64
import json
import os
import socket
import struct
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.journeys.entrance import Caller, shell
from tests.support.cutting_proxy import cutting
from tests.support.served import Served
from tests.support.waiting import wait_until_sync

EXECUTE = "/api/rest_j/v1/entrance/execute"
SOCKET = "/ws/api/entrance/connect"
FINAL = {"Succeed", "Failed", "Cancelled", "Timeout"}
LINES = 400


def dead_submit(served: Served, code: str, tag: str, method: str = EXECUTE) -> socket.socket:
    """Submits on a websocket whose client never reads: nothing of the answer arrives."""
    place = urlsplit(served.url)
    connection = socket.create_connection((place.hostname or "", place.port or 0), 30)
    key = base64.b64encode(os.urandom(16)).decode()
    head = [
        f"GET {SOCKET} HTTP/1.1",
        f"Host: {place.netloc}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        f"Authorization: Bearer {served.token}",
    ]
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    message = {"method": method, "websocketTag": tag, "data": shell(code)}
    data = json.dumps(message).encode()
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
    connection.sendall(struct.pack("!BBH", 0x81, 0x80 | 126, len(data)) + mask + masked)
    return connection


def reset(connection: socket.socket) -> None:
    """Ends a connection as a lost one ends."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def submitted(caller: Caller, code: str) -> dict[str, Any]:
    """The row of the task with this code, once it is there."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        url = f"{caller.gateway.url}/api/rest_j/v1/jobhistory/list"
        rows = caller.http.get(url, params={"pageSize": 20}).json()["data"]["tasks"]
        found[:] = [row for row in rows if row["executionCode"] == code]
        return bool(found)

    wait_until_sync(look, "the submit to be accepted")
    return found[0]


async def followed_to_the_end(served: Served, task_id: int) -> list[dict[str, Any]]:
    """All messages about a task that a new socket is sent, until its final status."""
    messages = []
    url = f"ws{served.url.removeprefix('http')}{SOCKET}"
    async with connect(url, additional_headers=served.headers) as websocket:
        async with asyncio.timeout(40):
            while True:
                message = json.loads(await websocket.recv())
                if message["data"].get("taskID") != task_id:
                    continue
                messages.append(message)
                if message["data"].get("status") in FINAL:
                    break
        # A question and its answer: all that came before has been taken.
        await (await websocket.ping())
    return messages


def printed(messages: list[dict[str, Any]]) -> list[str]:
    """The lines of the script in pushes of its log."""
    texts = [line for m in messages for line in m["data"].get("log", [""] * 4)[3].splitlines()]
    return [text.rpartition(" INFO ")[2] for text in texts if " INFO out " in text]


@pytest.mark.parametrize("verb", ["execute", "backgroundservice"])
@pytest.mark.parametrize("ended", [False, True])
def test_a_lost_acknowledgement_comes_again(served: Served, verb: str, *, ended: bool) -> None:
    """Linkis section 9, point 5: the next socket is told first what became of the submit."""
    tag = f"tab-{os.urandom(4).hex()}"
    code = f"echo out {tag}; sleep {0 if ended else 1.5}"
    method = f"/api/rest_j/v1/entrance/{verb}"
    with Caller(served) as caller:
        dead = dead_submit(served, code, tag, method)
        row = submitted(caller, code)
        if ended:
            assert caller.finished(row["strongerExecId"]) == "Succeed"
        reset(dead)
        messages = asyncio.run(followed_to_the_end(served, row["taskID"]))
    first = messages[0]
    assert (first["method"], first["status"]) == (method, 0)
    assert first["data"] == {
        "execID": row["strongerExecId"],
        "taskID": row["taskID"],
        "websocketTag": tag,
    }
    assert [m["method"] for m in messages].count(method) == 1
    assert printed(messages) == [f"out {tag}"]
    assert asyncio.run(silence(served, row["taskID"])) == []


async def silence(served: Served, task_id: int) -> list[dict[str, Any]]:
    """What a further socket is told of a task whose end has arrived: nothing may come."""
    url = f"ws{served.url.removeprefix('http')}{SOCKET}"
    found = []
    async with connect(url, additional_headers=served.headers) as websocket:
        try:
            async with asyncio.timeout(1):
                while True:
                    message = json.loads(await websocket.recv())
                    if message["data"].get("taskID") == task_id:
                        found.append(message)
        except TimeoutError:
            return found


def test_lines_of_a_dead_connection_are_pushed_again(served: Served) -> None:
    """Linkis section 9, point 6: what no answer to a ping confirmed comes once more, all of it."""
    tag = f"tab-{os.urandom(4).hex()}"
    code = f"for i in $(seq 50); do echo out $i; done; echo {tag}; sleep 1"
    with Caller(served) as caller:
        dead = dead_submit(served, code, tag)
        row = submitted(caller, code)
        wait_until_sync(
            lambda: len(caller.lines(row["strongerExecId"])) == 51, "the lines to be there"
        )
        reset(dead)
        messages = asyncio.run(followed_to_the_end(served, row["taskID"]))
    assert printed(messages) == [f"out {number}" for number in range(1, 51)]


@pytest.mark.parametrize("cut", [700, 3_000, 10_000, 30_000])
def test_a_connection_is_cut_in_mid_stream(served: Served, cut: int) -> None:
    """Linkis section 9, points 5 and 6: cut anywhere, nothing is missing and all is in order."""
    place = urlsplit(served.url)
    with (
        cutting(place.hostname or "", place.port or 0) as proxy,
        closing(asyncio.Runner()) as runner,
    ):
        messages = runner.run(through(served, proxy, cut))
    lines = list(dict.fromkeys(printed(messages)))
    assert lines == [f"out {number}" for number in range(1, LINES + 1)]
    methods = [m["method"].rpartition("/")[2] for m in messages]
    assert methods[0] == "execute"
    assert proxy.cuts > 0


async def through(served: Served, proxy: Any, cut: int) -> list[dict[str, Any]]:  # noqa: ANN401 - the proxy
    """Submits through a proxy that cuts, comes back as often as it takes, and listens to the end.

    Until the submit is acknowledged it is not repeated, but waited for.
    """
    url = f"ws://{proxy.address}{SOCKET}"
    tag, messages, sent = f"tab-{os.urandom(4).hex()}", list[dict[str, Any]](), False
    code = f"for i in $(seq {LINES}); do echo out $i; [ $((i % 20)) = 0 ] && sleep 0.02; done; true"
    async with asyncio.timeout(60):
        for attempt in range(100):
            proxy.cut_after = cut if attempt < 6 else None
            try:
                async with connect(url, additional_headers=served.headers) as websocket:
                    if not sent:
                        body = {"method": EXECUTE, "websocketTag": tag, "data": shell(code)}
                        await websocket.send(json.dumps(body))
                        sent = True
                    while True:
                        message = json.loads(await websocket.recv())
                        if message["data"].get("websocketTag") != tag:
                            continue
                        messages.append(message)
                        if message["data"].get("status") in FINAL:
                            return messages
            except (ConnectionClosed, InvalidHandshake, InvalidMessage, OSError):
                continue
    raise AssertionError("it never ended")
