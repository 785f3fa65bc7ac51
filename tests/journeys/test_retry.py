"""A submit that is safe to retry: one request id is one task, whatever happens to the reply."""

import asyncio
import contextlib
import json
import os
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.faults.proxy import Proxy, Rule, proxied
from tests.journeys.entrance import Caller, frame, opened, received, shell
from tests.support.served import Served
from tests.support.waiting import wait_until, wait_until_sync


async def submit(socket: ClientConnection, body: dict[str, object], tag: str = "") -> str:
    """The execID that a socket is given for a submit; what is pushed before is passed over."""
    tag = tag or str(body["requestId"])
    await socket.send(frame("execute", body, websocketTag=tag))
    while True:
        message = await received(socket)
        if message["method"].endswith("/execute") and message["websocketTag"] == tag:
            return str(message["data"]["execID"])


async def streamed(socket: ClientConnection, exec_id: str) -> tuple[str, str]:
    """All that is pushed of a task until its end: the text of its log and its last status."""
    text = ""
    while True:
        message = await received(socket)
        if message["data"].get("execID") != exec_id:
            continue
        if message["method"].endswith("/log"):
            text += message["data"]["log"][3]
        if message["data"].get("status") in {"Succeed", "Failed", "Cancelled"}:
            return text, message["data"]["status"]


async def test_one_task_over_both_transports(served: Served, tmp_path: Path) -> None:
    """The same id and body by HTTP and by websocket, at once and later, are the same task."""
    effect = tmp_path / "effect"
    body = shell(f"printf x >> {effect}; echo done", requestId="both-ways")
    async with (
        asyncio.timeout(40),
        opened(served) as socket,
        httpx.AsyncClient(headers=served.headers, timeout=30) as http,
    ):

        async def by_http() -> str:
            reply = await http.post(f"{served.api}/execute", json=body)
            return str(reply.json()["data"]["execID"])

        found = await asyncio.gather(submit(socket, body), *(by_http() for _ in range(20)))
        (exec_id,) = set(found)
        text, status = await streamed(socket, exec_id)
        assert status == "Succeed"
        assert text.count(" done\n") == 1
        assert await by_http() == exec_id
    assert effect.read_text() == "x"


def test_another_body_is_a_conflict(caller: Caller) -> None:
    """The id stands for what was asked first; another user's is another id."""
    body = shell("true", requestId="taken")
    first = caller.call("POST", "execute", json=body)["execID"]
    other = caller.http.post(f"{caller.gateway.api}/execute", json={**body, "executionCode": "no"})
    assert (other.status_code, other.json()["status"]) == (400, 1)
    assert "request id" in other.json()["message"]
    assert other.json()["data"]["field"] == "requestId"
    assert caller.call("POST", "execute", json=body)["execID"] == first


def test_code_with_the_time_in_it_is_repeated_too(caller: Caller) -> None:
    """A repetition that comes a second later is the same task, and its code says the first time."""
    body = shell("echo &{yyyyMMddHHmmss} ${run_today_h}", requestId="dated")
    first = caller.call("POST", "execute", json=body)["execID"]
    began = int(time.time())
    wait_until_sync(lambda: int(time.time()) > began, "the next second")
    assert caller.call("POST", "execute", json=body)["execID"] == first
    other = {**body, "executionCode": "echo &{yyyyMMddHHmm} ${run_today_h}"}
    refused = caller.http.post(f"{caller.gateway.api}/execute", json=other)
    assert "request id" in refused.json()["message"]


async def test_another_body_is_a_conflict_on_a_socket(served: Served) -> None:
    """The message is refused, and no task comes of it."""
    body = shell("true", requestId="taken-on-a-socket")
    async with asyncio.timeout(40), opened(served) as socket:
        await submit(socket, body)
        await socket.send(frame("execute", {**body, "executionCode": "echo other"}))
        while (message := json.loads(await socket.recv()))["status"] == 0:
            assert not message["method"].endswith("/execute")
        assert message["method"].endswith("/execute")
        assert "request id" in message["message"]


async def test_a_repeated_submit_attaches(served: Served, tmp_path: Path) -> None:
    """A second socket that repeats a submit is pushed all of it, and the first loses nothing."""
    go = tmp_path / "go"
    code = f"echo first; while [ ! -e {go} ]; do sleep 0.05; done; echo last"
    body = shell(code, requestId="attach")
    async with asyncio.timeout(40), opened(served) as one, opened(served) as two:
        exec_id = await submit(one, body, "attach")
        while True:
            message = await received(one)
            if message["method"].endswith("/log") and " first\n" in message["data"]["log"][3]:
                break
        assert await submit(two, body, "other") == exec_id
        text = ""
        while " first\n" not in text:
            message = await received(two)
            if message["method"].endswith("/log") and message["data"]["execID"] == exec_id:
                text += message["data"]["log"][3]
        go.touch()
        rest, status = await streamed(two, exec_id)
        assert status == "Succeed"
        assert (text + rest).count(" first\n") == (text + rest).count(" last\n") == 1
        before, status = await streamed(one, exec_id)
        assert status == "Succeed"
        assert before.count(" last\n") == 1


async def test_a_repeated_submit_of_what_has_ended(served: Served) -> None:
    """Who repeats after the end is pushed the whole log and the final status."""
    body = shell("echo once", requestId="attach-late")
    async with asyncio.timeout(40):
        async with opened(served) as one:
            exec_id = await submit(one, body)
            await streamed(one, exec_id)
        async with opened(served) as two:
            assert await submit(two, body) == exec_id
            text, status = await streamed(two, exec_id)
            assert (text.count(" once\n"), status) == (1, "Succeed")


@pytest.mark.parametrize("transport", ["http", "socket"])
async def test_a_gateway_that_dies_before_it_answers(
    own: Served, tmp_path: Path, transport: str
) -> None:
    """A submit that was accepted and never answered is the same task when it is repeated."""
    address = urlsplit(own.url)
    effect, requests = tmp_path / "effect", own.data / "spool" / "requests"
    body = shell(f"printf x >> {effect}", requestId="crash")
    with proxied((str(address.hostname), int(address.port or 0))) as proxy:
        async with asyncio.timeout(60):
            waiting = asyncio.create_task(unanswered(own, proxy, body, transport))
            await wait_until(lambda: any(requests.iterdir()), "the submit to be accepted")
            for pid in own.parts("gateway.app"):
                os.kill(pid, signal.SIGKILL)
            await waiting
    found = {again(own, body) for _ in range(3)}
    assert len(found) == 1
    with Caller(own) as caller:
        assert caller.finished(found.pop()) == "Succeed"
    assert effect.read_text() == "x"


async def unanswered(
    gateway: Served, proxy: Proxy, body: dict[str, object], transport: str
) -> None:
    """Submits by a way that passes no answer, until the connection breaks."""
    if transport == "http":
        proxy.down = Rule(drop=True)
        async with httpx.AsyncClient(headers=gateway.headers, timeout=30) as http:
            url = f"http://127.0.0.1:{proxy.port}/api/rest_j/v1/entrance/execute"
            with pytest.raises(httpx.TransportError):
                await http.post(url, json=body)
        return
    url = f"ws://127.0.0.1:{proxy.port}/ws"
    async with connect(url, additional_headers=gateway.headers) as socket:
        proxy.down = Rule(drop=True)
        await socket.send(frame("execute", body))
        with pytest.raises(ConnectionClosed):
            await socket.recv()


def again(gateway: Served, body: dict[str, object]) -> str:
    """The execID in the answer to a repetition, once there is a gateway again."""
    found: list[str] = []

    def answered() -> bool:
        with contextlib.suppress(httpx.TransportError):
            reply = httpx.post(f"{gateway.api}/execute", json=body, headers=gateway.headers)
            if reply.status_code == httpx.codes.OK:
                found.append(str(reply.json()["data"]["execID"]))
        return bool(found)

    wait_until_sync(answered, "a gateway that answers", timeout=30)
    return found[0]
