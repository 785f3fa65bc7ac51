"""The client for asyncio: carries out the steps of a plan with httpx and an async websocket.

Decides nothing: what to do, how often and until when stands in the plans.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeVar

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from gateway.client import calls, wire
from gateway.client.address import Address
from gateway.client.calls import Call, Reply, Submission
from gateway.client.errors import ConnectionFailed
from gateway.client.follow import Follower, Place
from gateway.client.plans import (
    Connect,
    Fetch,
    Hangup,
    Pacing,
    Pause,
    Plan,
    Receive,
    Send,
    Step,
    Tell,
    ask,
)
from gateway.client.values import (
    End,
    KillReport,
    LogPage,
    News,
    Progress,
    SessionRow,
    Status,
    Submitted,
    TaskRow,
    Ticket,
)
from protocol.logs import Gap, Line

__all__ = ["AsyncClient"]

T = TypeVar("T")


class AsyncClient:
    """Speaks to one gateway as one user, from as many tasks of one loop as wanted.

    Args:
        server: the gateway's URL or ``host:port``.
        token: the user's token, or what makes a fresh one for each request; empty before
            ``login``.
        patience_seconds: how long to go on trying without any sign of the gateway.
    """

    def __init__(
        self,
        server: str,
        token: str | Callable[[], str] = "",
        *,
        patience_seconds: float = 60.0,
    ) -> None:
        self._address = Address.parse(server)
        self._token: str | Callable[[], str] = token
        self._pacing = Pacing(patience_seconds, time.monotonic)
        self._http = httpx.AsyncClient(trust_env=not self._address.local)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes all connections."""
        await self._http.aclose()

    async def login(self, user: str, password: str) -> Ticket:
        """Proves who the caller is; every later request carries the ticket's token."""
        ticket = await self._ask(calls.login(user, password))
        self._token = ticket.token
        return ticket

    async def execute(
        self,
        code: str,
        *,
        engine: str = "shell",
        language: str = "",
        request_id: str = "",
        session: str = "",
    ) -> Submitted:
        """Submits code and answers when the task is durable; a broken attempt is repeated.

        ``session`` names one of the user's warm sessions of the engine; ``none`` is for a process
        of its own.
        """
        return await self._ask(
            calls.execute(_submission(code, engine, language, request_id, session))
        )

    async def status(self, task: str) -> Status:
        """How far a task is; ``task`` is here and below an execID or a task number."""
        return await self._ask(calls.status(task))

    async def progress(self, task: str) -> Progress:
        """How much of a task is done."""
        return await self._ask(calls.progress(task))

    async def describe(self, task: str) -> TaskRow:
        """What is known of a task, with the words that say why it failed."""
        return await self._ask(calls.describe(task))

    async def kill(self, task: str, *, grace: float | None = None) -> str:
        """Asks for a task to end; answers its execID when the wish is durable.

        ``grace`` is how many seconds it has after the polite signal; None for the gateway's.
        """
        return await self._ask(calls.kill(task, grace))

    async def kill_report(
        self, task: str, *, grace: float | None = None, wait: float = 0
    ) -> KillReport:
        """As ``kill``; answers what came of it, after the end if that comes within ``wait``."""
        return await self._ask(calls.kill_report(task, grace, wait))

    async def list(
        self, states: Sequence[str] = (), *, page: int = 1, size: int = 100
    ) -> tuple[TaskRow, ...]:
        """The user's tasks, newest first; ``states`` are status words, none for all."""
        return await self._ask(calls.list_tasks(states, page, size))

    async def sessions(self, *, everybody: bool = False) -> tuple[SessionRow, ...]:
        """The user's warm sessions, oldest first; an administrator may see everybody's."""
        return await self._ask(calls.list_sessions(everybody=everybody))

    async def end_session(self, session: str) -> SessionRow:
        """Asks for a warm session to end; answers when the wish is durable."""
        return await self._ask(calls.end_session(session))

    async def log(
        self, task: str, from_line: int = 1, *, part: int = 0, size: int = 1000, wait: float = 0
    ) -> LogPage:
        """One page of lines; waits up to ``wait`` seconds for the first of them.

        ``part`` is the first part wanted of the long line ``from_line``, 0 for the whole of it.
        """
        return await self._ask(calls.log(task, from_line, part, size=size, wait=wait))

    async def follow(self, task: str, from_line: int = 1) -> AsyncIterator[Line | Gap | End]:
        """Every line exactly once and in order from ``from_line`` on, and finally the End.

        A Gap stands for lines that are no longer kept. Survives broken connections. Who leaves
        early closes the iterator, as by ``contextlib.aclosing``.
        """
        async with contextlib.aclosing(self.news(task, from_line)) as batches:
            async for batch in batches:
                for item in batch:
                    if isinstance(item, Line | Gap | End):
                        yield item

    def news(
        self, task: str, from_line: int = 1, *, partial: bool = False, credit: int = 0
    ) -> AsyncGenerator[tuple[News, ...]]:
        """As ``follow``, in batches as they come, and with the changes of state.

        ``partial`` asks for glimpses of a line that has not ended, while a websocket can be had.
        ``credit`` is how many lines the gateway may send ahead of what was taken from here; 0 for
        as many as the connection holds.
        """
        place = Place(from_line)
        follower = Follower(task, place, self._pacing, partial=partial, credit=credit)
        return self._steps(follower.plan())

    def run(
        self,
        code: str,
        *,
        engine: str = "shell",
        language: str = "",
        request_id: str = "",
        session: str = "",
        push: bool = True,
    ) -> AsyncGenerator[tuple[News, ...]]:
        """Submits code and follows it, by one websocket if one can be had.

        ``push`` asks for changes of state and progress as well.
        """
        made = _submission(code, engine, language, request_id, session)
        submission = replace(made, push=push)
        return self._steps(Follower(submission, Place(), self._pacing).plan())

    async def _ask(self, call: Call[T]) -> T:
        results: list[T] = []
        async for _ in self._steps(_kept(ask(call, self._pacing), results)):
            pass
        return results[0]

    async def _steps(self, plan: Plan[None]) -> AsyncGenerator[tuple[News, ...]]:
        """Carries out a plan and yields what it tells."""
        socket = _Socket(self._address)
        try:
            answer: object = None
            trouble: ConnectionFailed | None = None
            while True:
                try:
                    step = plan.throw(trouble) if trouble else plan.send(answer)
                except StopIteration:
                    return
                answer, trouble = None, None
                if isinstance(step, Tell):
                    yield step.news
                    continue
                try:
                    answer = await self._perform(step, socket)
                except ConnectionFailed as error:
                    trouble = error
        finally:
            await socket.close()

    async def _perform(self, step: Step, socket: _Socket) -> object:
        match step:
            case Fetch(call):
                return await self._fetch(call)
            case Connect(seconds):
                await socket.open(self._fresh_token(), seconds)
            case Send(frame, seconds):
                await socket.send(frame, seconds)
            case Receive(seconds):
                return await socket.receive(seconds)
            case Hangup():
                await socket.close()
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Tell():
                raise TypeError("news are for the caller")
        return None

    def _fresh_token(self) -> str:
        return self._token if isinstance(self._token, str) else self._token()

    async def _fetch(self, call: Call[object]) -> Reply:
        try:
            async with asyncio.timeout(call.seconds):
                response = await self._http.request(
                    call.method,
                    self._address.http + call.path,
                    params=call.query,
                    content=call.body or None,
                    headers=wire.headers(self._fresh_token(), call.body),
                    timeout=wire.timeouts(call.seconds),
                )
        except (TimeoutError, httpx.TransportError, httpx.InvalidURL) as error:
            raise wire.failed(self._address.http, error) from error
        finally:
            self._http.cookies.clear()  # the token goes by header alone
        return wire.reply(response, response.content)


class _Socket:
    """At most one open websocket; every trouble with it is a ConnectionFailed."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: ClientConnection | None = None

    async def open(self, token: str, seconds: float) -> None:
        await self.close()
        try:
            self._connection = await connect(
                self._address.socket,
                additional_headers=wire.bearer(token),
                proxy=None if self._address.local else True,
                open_timeout=seconds,
                close_timeout=wire.CLOSE_SECONDS,
                ping_interval=wire.PING_SECONDS,
                ping_timeout=wire.PING_SECONDS,
                max_size=wire.MAX_MESSAGE,
                compression=None,
            )
        except (OSError, WebSocketException) as error:
            raise wire.failed(self._address.socket, error) from error

    async def send(self, frame: str, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._open.send(frame)
        except (OSError, WebSocketException) as error:
            raise wire.failed(self._address.socket, error) from error

    async def receive(self, seconds: float) -> str | bytes | None:
        try:
            async with asyncio.timeout(seconds):
                return await self._open.recv()
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as error:
            raise wire.failed(self._address.socket, error) from error

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            with contextlib.suppress(OSError, WebSocketException):
                await connection.close()

    @property
    def _open(self) -> ClientConnection:
        if not self._connection:
            raise ConnectionFailed("no websocket is open")
        return self._connection


def _kept(plan: Plan[T], results: list[T]) -> Plan[None]:
    """The plan with what it comes to put aside: an async generator returns nothing."""
    results.append((yield from plan))


def _submission(code: str, engine: str, language: str, request_id: str, session: str) -> Submission:
    return Submission(engine, language, code, request_id or uuid.uuid4().hex, session=session)
