"""A user with as many live tasks as a websocket follows: what is submitted there comes first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.journeys.entrance import Caller, shell
from tests.support.served import Served, serving

ENTRANCE = "/api/rest_j/v1/entrance"
FOLLOWED = 2
SLEEPS = "sleep 120"


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Served]:
    """A gateway where a websocket follows two tasks."""
    with serving(tmp_path / "data", NARTHEX_LIMITS_SUBSCRIPTIONS=str(FOLLOWED)) as served:
        yield served


async def submit(socket: ClientConnection, code: str) -> None:
    """Submits a script on a websocket; its tag is its code."""
    message = {"method": f"{ENTRANCE}/execute", "websocketTag": code, "data": shell(code)}
    await socket.send(json.dumps(message))


async def told(socket: ClientConnection, tag: str, word: str) -> dict[str, Any]:
    """The next message of a task that holds a word."""
    async with asyncio.timeout(30):
        while True:
            text = str(await socket.recv())
            message: dict[str, Any] = json.loads(text)
            if message.get("websocketTag") == tag and word in text:
                return message


async def resumed_and_submitted(served: Served, resumed: list[str]) -> str:
    """Opens a websocket that goes on with what runs, and submits there; what is told at the end."""
    async with connect(served.socket_url, additional_headers=served.headers) as socket:
        for tag in resumed:
            await told(socket, tag, "/status")
        await submit(socket, "echo mine")
        assert "mine" in str((await told(socket, "echo mine", "INFO mine"))["data"])
        return str((await told(socket, "echo mine", '"Succeed"'))["data"]["status"])


async def one_too_many(served: Served) -> dict[str, Any]:
    """Submits one task more than a websocket follows; what is told of the last."""
    url = f"{served.socket_url}?resume=false"
    async with connect(url, additional_headers=served.headers) as socket:
        for number in range(FOLLOWED):
            await submit(socket, f"{SLEEPS} # {number}")
            await told(socket, f"{SLEEPS} # {number}", "/status")
        await submit(socket, f"{SLEEPS} # {FOLLOWED}")
        return await told(socket, f"{SLEEPS} # {FOLLOWED}", "nothing is pushed")


def test_what_is_submitted_is_told_before_what_is_resumed(narrow: Served) -> None:
    """However many tasks of the user run already: the eldest of them is followed no more."""
    with Caller(narrow) as caller:
        tags = [f"old {number}" for number in range(FOLLOWED)]
        ids = [caller.execute(SLEEPS, websocketTag=tag) for tag in tags]
        assert asyncio.run(resumed_and_submitted(narrow, tags)) == "Succeed"
        for exec_id in ids:
            caller.call("POST", f"{exec_id}/kill")


def test_a_submit_that_cannot_be_followed_says_so(narrow: Served) -> None:
    """It runs, and its client knows that it has to ask."""
    found = asyncio.run(one_too_many(narrow))
    assert found["status"] == 0
    assert "at most 2 tasks are followed on one websocket" in found["data"]["log"][3]
    with Caller(narrow) as caller:
        assert caller.status(found["data"]["execID"]) in {"Inited", "Scheduled", "Running"}
