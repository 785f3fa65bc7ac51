"""The web clients of Linkis as their own sources behave (contract, sections 4.8, 4.9, 8a, 8a').

A browser holds one page: a cookie, one websocket, and tabs that run code. What it sends, in which
order, and what it believes of an answer, is that of the originals, oddities included. Only the five
seconds between two polls are shorter here.
"""

import asyncio
import contextlib
import hashlib
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.served import Served
from tests.support.waiting import wait_until

__all__ = ["FINAL", "Browser", "Client", "Tab", "browsing"]

FINAL = {"Succeed", "Failed", "Cancelled", "Timeout"}
CONNECT = "/ws/api/entrance/connect"
_TAGS = itertools.count()


class Client(StrEnum):
    """Whose page it is."""

    SCRIPTIS = "scriptis-0.7"
    """The old web IDE: a websocket, and HTTP when that is down."""
    CONSOLE = "linkis-web"
    """The library of the web console: the same websocket, and another way of polling."""
    DSS = "dss-scriptis"
    """The editor of today, which only polls."""


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
    final_at: float = 0.0
    polls: list[tuple[float, str]] = field(default_factory=list)

    @property
    def output(self) -> list[str]:
        """The lines of the script itself among those that are shown."""
        return [line.rpartition(" INFO ")[2] for line in self.shown if " INFO out " in line]

    @property
    def ended_at(self) -> float:
        """When the script ended, in seconds, by its own last line: see ``scripted``."""
        (line,) = [line for line in self.shown if " INFO ended " in line]
        return int(line.rpartition(" ")[2]) / 1000


class Browser:
    """One page of one of the clients."""

    def __init__(
        self, served: Served, http: httpx.AsyncClient, client: Client = Client.SCRIPTIS
    ) -> None:
        self.served = served
        self.http = http
        self.client = client
        self.tabs: list[Tab] = []
        self.history: list[dict[str, Any]] = []
        self.closes: list[int | None] = []
        self.opened_at = 0.0
        self.post_type = "http" if client is Client.DSS else "socket"
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
        self.opened_at = time.time()

    async def execute(self, code: str, **more: object) -> Tab:
        """Runs code in a new tab, over the websocket while there is one, else over HTTP."""
        tag = hashlib.md5(str(next(_TAGS)).encode(), usedforsecurity=False).hexdigest()
        tab = Tab(tag, run=True)
        self.tabs.append(tab)
        data: dict[str, object] = {
            "executeApplicationName": "shell",
            "executionCode": code,
            "runType": "shell",
            "params": {"variable": {}, "configuration": {}},
            "postType": self.post_type,
            "scriptPath": "",
            **more,
        }
        if self.client is Client.DSS:
            del data["scriptPath"]
            runtime = {"wds.linkis.engine.runtime.datasource": ""}
            data["source"] = {"scriptPath": ""}
            data["params"] = {"variable": {}, "configuration": {"runtime": runtime}}
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
        await self._on_message(message)

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

    async def followed(self, *tabs: Tab) -> None:
        """Waits for the end of the tabs by whatever way the page has."""
        if self.post_type == "socket":
            await self.ended(*tabs)
        if self.post_type == "http":
            await self.poll(*tabs)

    async def restored(self, tab: Tab) -> None:
        """The page is loaded again: the old client goes on by the ids that it has stored."""
        tab.shown.clear()
        tab.cursor = 1
        await self.poll(tab)

    async def kill(self, tab: Tab) -> dict[str, Any]:
        """The stop button."""
        return await self.call("GET", f"entrance/{tab.exec_id}/kill", params=self._second_key(tab))

    async def whole_log(self, tab: Tab) -> list[str]:
        """All lines of a task, as the history view shows them."""
        row = (await self.data("GET", f"jobhistory/{tab.task_id}/get"))["task"]
        log = (await self.data("GET", "filesystem/openLog", params={"path": row["logPath"]}))["log"]
        return [line for line in log[3].splitlines() if line.strip()]

    async def rows(self, tab: Tab) -> list[list[list[str | None]]]:
        """The rows of all result sets, found as the page finds them."""
        row = (await self.data("GET", f"jobhistory/{tab.task_id}/get"))["task"]
        query: dict[str, Any] = {"path": row["resultLocation"]}
        tree = (await self.data("GET", "filesystem/getDirFileTrees", params=query))["dirFileTrees"]
        names = sorted(
            tree["children"], key=lambda leaf: int(leaf["name"].partition(".")[0].lstrip("_"))
        )
        # A slip of linkis-web: its first page names no size.
        size = {} if self.client is Client.CONSOLE else {"pageSize": 5000}
        found = []
        for leaf in names:
            query = {"path": leaf["path"], "page": 1, **size}
            found.append(
                (await self.data("GET", "filesystem/openFile", params=query))["fileContent"]
            )
        return found

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
        if self.client is not Client.CONSOLE:
            # As in Scriptis: what runs is left alone until the page is loaded again.
            return
        for tab in self.tabs:
            # linkis-web reads the whole log again from here, and clears the screen for it.
            tab.shown.clear()
            tab.cursor = 1

    async def _on_message(self, message: dict[str, Any]) -> None:
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
        if word == tab.status and (word in FINAL or self.client is not Client.CONSOLE):
            return
        tab.status = word
        row = (await self.data("GET", f"jobhistory/{tab.task_id}/get"))["task"]
        self.history.append(row)
        assert row["strongerExecId"] == tab.exec_id
        if word in FINAL:
            tab.run, tab.final_at = False, time.time()

    def _second_key(self, tab: Tab) -> dict[str, int]:
        return {} if self.client is Client.SCRIPTIS else {"taskID": tab.task_id}

    async def _tick(self, tab: Tab) -> None:
        """Status, progress and log of one tick. The page sends the status request first.

        The tick that sees the end has the last log that is shown: nobody asks again, but for
        linkis-web if it has seen none at all.
        """
        verb = "progress" if self.client is Client.SCRIPTIS else "progressWithResource"
        log_query = {"fromLine": tab.cursor, "size": -1}
        began = time.time()
        status = await self.data(
            "GET", f"entrance/{tab.exec_id}/status", params=self._second_key(tab)
        )
        tab.polls.append((began, status["status"]))
        progress, log = await asyncio.gather(
            self.data("GET", f"entrance/{tab.exec_id}/{verb}"),
            self.data("GET", f"entrance/{tab.exec_id}/log", params=log_query),
        )
        tab.progress = progress["progress"]
        assert isinstance(progress["progressInfo"], list)
        assert [type(text) for text in log["log"]] == [str] * 4
        tab.shown += log["log"][3].splitlines()
        tab.cursor = log["fromLine"]
        await self._status(tab, status["status"])


@asynccontextmanager
async def browsing(
    served: Served, name: str, password: str, client: Client = Client.SCRIPTIS
) -> AsyncIterator[Browser]:
    """A page of a user who has just logged in, closed at the end."""
    async with httpx.AsyncClient(
        base_url=served.url, timeout=30, headers={"Origin": served.url}
    ) as http:
        browser = Browser(served, http, client)
        await browser.login(name, password)
        try:
            yield browser
        finally:
            await browser.close()
