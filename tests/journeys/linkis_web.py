"""The web clients of Linkis as their own sources behave (contract, sections 4.8, 4.9, 8a, 8a').

A browser holds one page: a cookie, one websocket, and tabs that run code. What it sends, in which
order, and what it believes of an answer, is that of the originals, oddities included.
"""

import asyncio
import contextlib
import hashlib
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.served import Served
from tests.support.waiting import wait_until

__all__ = ["FINAL", "Browser", "Tab", "browsing"]

FINAL = {"Succeed", "Failed", "Cancelled", "Timeout"}
CONNECT = "/ws/api/entrance/connect"
_TAGS = itertools.count()


@dataclass
class Tab:
    """One editor tab: what its page knows of the run and shows to its user."""

    tag: str
    run: bool = False
    exec_id: str = ""
    task_id: int = 0
    status: str = ""
    progress: float = 0.0
    shown: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    after_end: list[dict[str, Any]] = field(default_factory=list)
    toast: str = ""
    waiting: list[int] = field(default_factory=list)
    cursor: int = 1

    @property
    def output(self) -> list[str]:
        """The lines of the script itself among those that are shown."""
        return [line.rpartition(" INFO ")[2] for line in self.shown if " INFO out " in line]


class Browser:
    """One page of the old Scriptis, or with ``console`` the library of linkis-web."""

    def __init__(self, served: Served, http: httpx.AsyncClient, *, console: bool = False) -> None:
        self.served = served
        self.http = http
        self.console = console
        self.tabs: list[Tab] = []
        self.history: list[dict[str, Any]] = []
        self.closes: list[int | None] = []
        self.post_type = "socket"
        self._attempts = 3
        self._left = asyncio.Event()
        self._socket: ClientConnection | None = None

    async def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx
        """The whole envelope of a call, whatever its status."""
        reply = await self.http.request(method, f"/api/rest_j/v1/{path}", **more)
        envelope = reply.json()
        assert set(envelope) == {"method", "status", "message", "data"}, envelope
        assert isinstance(envelope["data"], dict)
        return dict(envelope)

    async def data(self, method: str, path: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx
        """The data of a call that succeeds."""
        envelope = await self.call(method, path, **more)
        assert envelope["status"] == 0, envelope
        return dict(envelope["data"])

    async def login(self, name: str, password: str) -> dict[str, Any]:
        """Logs in; the cookie jar keeps the ticket."""
        return await self.data(
            "POST",
            "user/login",
            json={"userName": name, "password": password},
            headers={"webLogin": "true"},
        )

    async def open(self) -> None:
        """Opens the websocket as the first tab does; raises InvalidStatus if it is refused."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        url = f"ws{self.served.url.removeprefix('http')}{CONNECT}"
        self._socket = await connect(
            url,
            origin=self.served.url,  # type: ignore[arg-type]  # a NewType of str
            additional_headers={"Cookie": cookies},
            max_size=None,
        )

    async def execute(self, code: str, **more: object) -> Tab:
        """Runs code in a new tab, over the websocket while there is one, else over HTTP."""
        tag = hashlib.md5(str(next(_TAGS)).encode(), usedforsecurity=False).hexdigest()
        tab = Tab(tag, run=True)
        self.tabs.append(tab)
        data = {
            "executeApplicationName": "shell",
            "executionCode": code,
            "runType": "shell",
            "params": {"variable": {}, "configuration": {}},
            "postType": self.post_type,
            "scriptPath": "",
            **more,
        }
        if self.post_type == "http":
            reply = await self.call("POST", "entrance/execute", json=data)
            self._acknowledged(tab, reply)
        else:
            assert self._socket
            method = "/api/rest_j/v1/entrance/execute"
            await self._socket.send(
                json.dumps({"method": method, "websocketTag": tag, "data": data})
            )
        return tab

    async def acknowledged(self, tab: Tab) -> Tab:
        """Listens until the tab knows its ids."""
        while not tab.exec_id and tab.run:
            await self.listen()
        # As the page does right after each acknowledgement.
        query = {"pageSize": 100, "status": "Running,Inited,Scheduled"}
        listed = await self.data("GET", "jobhistory/list", params=query)
        assert isinstance(listed["tasks"], list)
        return tab

    async def ended(self, *tabs: Tab) -> None:
        """Listens until the tabs have ended, reconnecting as the page would."""
        while any(tab.run for tab in tabs) and self.post_type == "socket":
            await self.listen()

    async def listen(self) -> None:
        """Takes one message, or notices that the socket is gone and does what the page does."""
        try:
            assert self._socket
            frame = await self._socket.recv()
        except ConnectionClosed as closed:
            self.closes.append(closed.rcvd.code if closed.rcvd else None)
            await self._reconnect()
            return
        message = json.loads(frame)
        assert isinstance(message["data"], dict)
        await self._told(message)

    async def drop(self) -> None:
        """The network breaks without a word."""
        assert self._socket
        self._socket.transport.abort()
        await self._socket.wait_closed()

    async def poll(self, *tabs: Tab) -> None:
        """The HTTP mode, until all have ended: status, progress and log of one tick at once."""

        async def over() -> bool:
            for tab in tabs:
                if tab.run:
                    await self._tick(tab)
            return not any(tab.run for tab in tabs)

        await wait_until(over, "the last tab to end", timeout=60)

    async def kill(self, tab: Tab) -> dict[str, Any]:
        """The stop button."""
        query = {"taskID": tab.task_id} if self.console else {}
        return await self.call("GET", f"entrance/{tab.exec_id}/kill", params=query)

    async def close(self) -> None:
        """The page is left."""
        self._left.set()
        if self._socket:
            await self._socket.close()

    async def _reconnect(self) -> None:
        """Two reconnects in the life of a page, then HTTP for good."""
        while self._attempts > 1:
            self._attempts -= 1
            # As in Scriptis: a second before it comes back. No longer if the page is left.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._left.wait()
            try:
                await self.open()
            except (OSError, InvalidStatus):
                continue
            return
        self.post_type = "http"
        for tab in self.tabs:
            # linkis-web reads the whole log again from here, and clears the screen for it.
            tab.shown.clear()
            tab.cursor = 1

    async def _told(self, message: dict[str, Any]) -> None:
        data = message["data"]
        if message["status"] != 0:
            # As in the originals: an error in any message stops every tab.
            for tab in self.tabs:
                tab.run, tab.toast = False, message["message"]
            return
        if message["method"] == "/api/rest_j/v1/entrance/execute":
            for tab in self.tabs:
                if data["websocketTag"] == tab.tag:
                    self._acknowledged(tab, message)
            return
        for tab in self.tabs:
            prefix = f"/api/rest_j/v1/entrance/{tab.exec_id}/"
            if tab.exec_id and tab.task_id == data.get("taskID"):
                assert message["method"].startswith(prefix)
                await self._pushed(tab, message["method"].removeprefix(prefix), data)

    def _acknowledged(self, tab: Tab, reply: dict[str, Any]) -> None:
        if reply["status"] != 0 or "errorMsg" in reply["data"]:
            tab.run, tab.toast = False, reply["message"]
            return
        tab.exec_id, tab.task_id = reply["data"]["execID"], reply["data"]["taskID"]
        assert type(tab.task_id) is int

    async def _pushed(self, tab: Tab, verb: str, data: dict[str, Any]) -> None:
        if not tab.run:
            tab.after_end.append(data)
        match verb:
            case "status":
                await self._status(tab, data["status"])
            case "progress":
                assert isinstance(data["progressInfo"], list)
                tab.progress = data["progress"]
            case "log":
                assert all(not text or text.endswith("\n") for text in data["log"])
                tab.shown += data["log"][3].splitlines()
            case "waitingSize":
                tab.waiting.append(data["waitingSize"])

    async def _status(self, tab: Tab, word: str) -> None:
        tab.statuses.append(word)
        if word == tab.status:
            return
        tab.status = word
        row = (await self.data("GET", f"jobhistory/{tab.task_id}/get"))["task"]
        self.history.append(row)
        assert row["strongerExecId"] == tab.exec_id
        if word in FINAL:
            tab.run = False

    async def _tick(self, tab: Tab) -> None:
        query = {"taskID": tab.task_id} if self.console else {}
        verb = "progressWithResource" if self.console else "progress"
        status, progress, log = await asyncio.gather(
            self.data("GET", f"entrance/{tab.exec_id}/status", params=query),
            self.data("GET", f"entrance/{tab.exec_id}/{verb}"),
            self.data(
                "GET", f"entrance/{tab.exec_id}/log", params={"fromLine": tab.cursor, "size": -1}
            ),
        )
        tab.progress = progress["progress"]
        assert isinstance(progress["progressInfo"], list)
        tab.shown += log["log"][3].splitlines()
        tab.cursor = log["fromLine"]
        if status["status"] in FINAL:
            # The page's last look: what is in the log at that moment is all that it shows.
            rest = await self.data(
                "GET", f"entrance/{tab.exec_id}/log", params={"fromLine": tab.cursor, "size": -1}
            )
            tab.shown += rest["log"][3].splitlines()
        await self._status(tab, status["status"])


@asynccontextmanager
async def browsing(
    served: Served, name: str, password: str, *, console: bool = False
) -> AsyncIterator[Browser]:
    """A page of a user who has just logged in, closed at the end."""
    async with httpx.AsyncClient(
        base_url=served.url, timeout=30, headers={"Origin": served.url}
    ) as http:
        browser = Browser(served, http, console=console)
        await browser.login(name, password)
        try:
            yield browser
        finally:
            await browser.close()
