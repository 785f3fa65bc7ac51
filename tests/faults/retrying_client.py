"""The client of a storm: takes every fault as a reason to come back, and enters what it is told.

It never gives up before its deadline, never asks for a line twice, and never hides an answer that
should not be: an error of the gateway's own (500), an acknowledged task that is said not to exist
and a conflict are entered as violations.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.faults.ledger import FINAL, Expected, Ledger, Seen
from tests.faults.pace import pause
from tests.faults.storm_watch import leaked
from tests.journeys.entrance import Caller, frame, shell
from tests.support.served import Served

__all__ = ["BROKEN", "RetryingClient", "calling"]

_UNKNOWN = 91004
_CONFLICT = 91005
_RETRY_SECONDS = 0.05
_WAITING = frozenset({429, 502, 503, 504})
BROKEN = (OSError, WebSocketException, InvalidHandshake, TimeoutError, ValueError)
"""What ends a connection early."""


class RetryingClient:
    """One client of one gateway, writing into one ledger.

    ``base`` replaces the gateway's address, for a way through the fault proxy. ``forgetful`` says
    that the index may have lost a task for a while.
    """

    def __init__(
        self,
        gateway: Served,
        ledger: Ledger,
        base: str = "",
        *,
        seconds: float = 60,
        forgetful: bool = False,
    ) -> None:
        self.gateway = gateway
        self.ledger = ledger
        self.base = base or gateway.url
        self.seconds = seconds
        self.forgetful = forgetful
        self.http = httpx.AsyncClient(
            headers=gateway.headers,
            timeout=httpx.Timeout(25, connect=3),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        body: dict[str, object] | None = None,
        query: dict[str, str | int] | None = None,
        seconds: float = 4,
    ) -> dict[str, Any] | None:
        """The ``data`` of a success, None for whatever a later attempt may change."""
        url = f"{self.base}/api/rest_j/v1/entrance/{path}"
        # The library's own clock: a request that is cancelled from outside may leak its connection.
        timeouts = httpx.Timeout(seconds, connect=min(seconds, 3))
        try:
            reply = await self.http.request(method, url, json=body, params=query, timeout=timeouts)
            leaked(self.ledger, f"{method} {path}", reply.text)
            envelope = reply.json()
        except (httpx.HTTPError, ValueError) as error:
            self.ledger.refused(f"{method} {path}: {type(error).__name__}")
            return None
        if reply.status_code == 200 and envelope["status"] == 0:
            data = envelope["data"]
            assert isinstance(data, dict)
            return data
        self._refused(f"{method} {path}", reply.status_code, envelope)
        return None

    def _refused(self, what: str, code: int, envelope: dict[str, Any]) -> None:
        error = envelope.get("data", {}).get("errorMsg", {})
        self.ledger.refused(f"{what}: {code} {error}")
        number = error.get("errCode")
        if number == _UNKNOWN and not self.forgetful:
            self.ledger.violate("I1", what, "an acknowledged task is said not to exist")
        elif number == _CONFLICT:
            self.ledger.violate("I8", what, "a repeated submit is said to be another one")
        elif (
            number != _UNKNOWN
            and code not in _WAITING
            and "retryAfter" not in envelope.get("data", {})
        ):
            self.ledger.violate("I11", what, f"{code} {envelope.get('message')}")

    async def submit(self, expected: Expected, code: str) -> str:
        """Submits until it is answered, with one requestId; the execID."""
        self.ledger.ask(expected)
        special = {"secret.CANARY": self.ledger.secret}
        params = {"configuration": {"special": special}}
        body = shell(code, requestId=expected.name, params=params)
        async with asyncio.timeout(self.seconds):
            while True:
                data = await self.ask("POST", "execute", body)
                if data:
                    exec_id = str(data["execID"])
                    self.ledger.acknowledge(expected.name, exec_id)
                    return exec_id
                await pause(_RETRY_SECONDS)

    async def poll(self, name: str, exec_id: str) -> str:
        """Asks for the status until it is final."""
        async with asyncio.timeout(self.seconds):
            while True:
                data = await self.ask("GET", f"{exec_id}/status")
                if data:
                    word = str(data["status"])
                    self.ledger.state(name, "poll", word)
                    if word in FINAL:
                        return word
                await pause(_RETRY_SECONDS * 2)

    async def kill(self, name: str, exec_id: str) -> None:
        """Asks for a kill until it is acknowledged, then waits for the end."""
        async with asyncio.timeout(self.seconds):
            while await self.ask("POST", f"{exec_id}/kill") is None:
                await pause(_RETRY_SECONDS)
        await self.poll(name, exec_id)

    async def carry(self, expected: Expected, code: str) -> None:
        """Submits a run and reads it to its end."""
        await self.pages(expected.name, await self.submit(expected, code))

    async def pages(self, name: str, exec_id: str, size: int = 500, start: int = 1) -> Seen:
        """Reads the log over HTTP from a line to its end."""
        seen = self.ledger.subscription(name, start)
        async with asyncio.timeout(self.seconds):
            while not seen.complete:
                await self.page(seen, exec_id, size)
        return seen

    async def page(self, seen: Seen, exec_id: str, size: int) -> None:
        """Reads one more page, if the gateway gives it."""
        data = await self.ask(
            "GET",
            f"{exec_id}/log",
            query={
                "format": "lines",
                "fromLine": seen.following,
                "fromPart": len(seen.open) + 1 if seen.open else 0,
                "size": size,
                "wait": 2,
            },
        )
        if data is None:
            await pause(_RETRY_SECONDS)
            return
        self._enter(seen, data["lines"])
        if data["eof"]:
            seen.complete = True
            self.ledger.state(seen.run, f"pages {id(seen)}", str(data["status"]))

    async def follow(self, name: str, exec_id: str, start: int = 1) -> Seen:
        """Subscribes until the end is told, and comes back from the next line after every cut."""
        seen = self.ledger.subscription(name, start)
        async with asyncio.timeout(self.seconds):
            while not seen.complete:
                try:
                    await self.listen(seen, exec_id)
                except BROKEN as error:
                    self.ledger.refused(f"{exec_id}/subscribe: {type(error).__name__}")
                    await pause(_RETRY_SECONDS)
        return seen

    async def listen(self, seen: Seen, exec_id: str) -> None:
        """One connection's part of a subscription; raises what ends it early."""
        async with connect(
            f"ws{self.base.removeprefix('http')}/ws",
            additional_headers=self.gateway.headers,
            max_size=None,
            open_timeout=3,
            close_timeout=1,
        ) as socket:
            await socket.send(
                frame(f"{exec_id}/subscribe", {"fromLine": seen.following, "format": "lines"})
            )
            while not seen.complete:
                text = str(await asyncio.wait_for(socket.recv(decode=True), 20))
                leaked(self.ledger, f"{exec_id}/subscribe", text)
                self.take(seen, json.loads(text))

    def take(self, seen: Seen, message: dict[str, Any]) -> None:
        """Enters one message of a subscription."""
        data = message["data"]
        if message["status"] != 0:
            self._refused("subscribe", 503 if "retryAfter" in data else 400, message)
            raise ValueError(message["message"])
        verb = str(message["method"]).rpartition("/")[2]
        if verb == "lines":
            self._enter(seen, data["lines"])
        elif verb == "eof":
            seen.end(str(data["status"]), data["exitCode"])
            self.ledger.state(seen.run, f"push {id(seen)}", str(data["status"]))
            if data["last"] != seen.following - 1:
                self.ledger.violate("I5", seen.run, f"eof says {data['last']} lines")

    @staticmethod
    def _enter(seen: Seen, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            text = str(row["text"])
            if "base64" in row:
                text = b64decode(row["base64"]).decode("utf-8", "surrogateescape")
            if row.get("part"):
                seen.part(row["n"], text, row["s"], row["part"], more=row["more"])
            else:
                seen.line(row["n"], text, row["s"])


@contextmanager
def calling(gateway: Served) -> Iterator[Caller]:
    """A caller that polls, for a block; its connections are closed at the end."""
    caller = Caller(gateway)
    with caller.http:
        yield caller
