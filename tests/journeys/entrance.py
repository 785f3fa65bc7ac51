"""The entrance verbs as a plain script says them: HTTP with httpx, websocket with websockets."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.support.served import Served
from tests.support.waiting import wait_until_sync

__all__ = ["Caller", "executing", "frame", "opened", "received", "shell"]

FINAL = {"Succeed", "Failed", "Cancelled", "Timeout"}


def shell(code: str, **more: object) -> dict[str, object]:
    """The body that asks for a shell script."""
    return {
        "executeApplicationName": "shell",
        "runType": "shell",
        "executionCode": code,
        **more,
    }


def frame(method: str, data: dict[str, object] | None = None, **more: object) -> str:
    """A websocket message that asks for a method of the entrance."""
    path = f"/api/rest_j/v1/entrance/{method}"
    return json.dumps({"method": path, "data": data or {}, **more})


class Caller:
    """Polls a gateway over HTTP and insists on the envelope."""

    def __init__(self, gateway: Served) -> None:
        self.gateway = gateway
        self.http = httpx.Client(headers=gateway.headers, timeout=40)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx
        """The ``data`` of a reply that must be a success."""
        reply = self.http.request(method, f"{self.gateway.api}/{path}", **more)
        envelope = reply.json()
        assert set(envelope) == {"method", "status", "message", "data"}, envelope
        assert (reply.status_code, envelope["status"]) == (200, 0), envelope
        data = envelope["data"]
        assert isinstance(data, dict)
        return data

    def execute(self, code: str, **more: object) -> str:
        """The execID of a shell script that is now on its way."""
        return str(self.call("POST", "execute", json=shell(code, **more))["execID"])

    def status(self, exec_id: str) -> str:
        """The status word of a task."""
        return str(self.call("GET", f"{exec_id}/status")["status"])

    def finished(self, exec_id: str, seconds: float = 30) -> str:
        """The final status word of a task, waited for."""
        wait_until_sync(lambda: self.status(exec_id) in FINAL, "the task to end", timeout=seconds)
        return self.status(exec_id)

    def lines(self, exec_id: str, size: int = 5000, first: int = 1) -> list[dict[str, Any]]:
        """All lines from ``first`` on, read in pages until the end."""
        found: list[dict[str, Any]] = []
        line = first
        while True:
            page = self.call(
                "GET",
                f"{exec_id}/log",
                params={"format": "lines", "fromLine": line, "size": size, "wait": 20},
            )
            found += page["lines"]
            line = page["fromLine"]
            if page["eof"]:
                return found


@asynccontextmanager
async def opened(gateway: Served) -> AsyncIterator[ClientConnection]:
    """A websocket that is logged in by its handshake."""
    async with connect(
        gateway.socket_url, additional_headers=gateway.headers, max_size=None
    ) as socket:
        yield socket


async def received(socket: ClientConnection) -> dict[str, Any]:
    """The next message, which must be a success in the envelope."""
    message = json.loads(await socket.recv())
    assert isinstance(message, dict)
    assert message["status"] == 0, message
    return message


async def executing(socket: ClientConnection, code: str, tag: str = "tab") -> str:
    """The execID of a script that was submitted on a socket.

    What else the same user had submitted may be told on a new socket, but not for this tag.
    """
    await socket.send(frame("execute", shell(code), websocketTag=tag))
    while True:
        message = await received(socket)
        if message["method"].endswith("/execute") and message.get("websocketTag") == tag:
            return str(message["data"]["execID"])
