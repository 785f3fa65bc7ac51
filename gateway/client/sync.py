"""The client for threads: carries out the steps of a plan with httpx and a blocking websocket.

Decides nothing: what to do, how often and until when stands in the plans.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeVar

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

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

__all__ = ["Client"]

T = TypeVar("T")


class Client:
    """Speaks to one gateway as one user, from one thread at a time.

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
        self._http = httpx.Client(trust_env=not self._address.local)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self._http.close()

    def login(self, user: str, password: str) -> Ticket:
        """Proves who the caller is; every later request carries the ticket's token."""
        ticket = self._ask(calls.login(user, password))
        self._token = ticket.token
        return ticket

    def execute(
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
        return self._ask(calls.execute(_submission(code, engine, language, request_id, session)))

    def status(self, task: str) -> Status:
        """How far a task is; ``task`` is here and below an execID or a task number."""
        return self._ask(calls.status(task))

    def progress(self, task: str) -> Progress:
        """How much of a task is done."""
        return self._ask(calls.progress(task))

    def describe(self, task: str) -> TaskRow:
        """What is known of a task, with the words that say why it failed."""
        return self._ask(calls.describe(task))

    def kill(self, task: str, *, grace: float | None = None) -> str:
        """Asks for a task to end; answers its execID when the wish is durable.

        ``grace`` is how many seconds it has after the polite signal; None for the gateway's.
        """
        return self._ask(calls.kill(task, grace))

    def kill_report(self, task: str, *, grace: float | None = None, wait: float = 0) -> KillReport:
        """As ``kill``; answers what came of it, after the end if that comes within ``wait``."""
        return self._ask(calls.kill_report(task, grace, wait))

    def list(
        self, states: Sequence[str] = (), *, page: int = 1, size: int = 100
    ) -> tuple[TaskRow, ...]:
        """The user's tasks, newest first; ``states`` are status words, none for all."""
        return self._ask(calls.list_tasks(states, page, size))

    def sessions(self, *, everybody: bool = False) -> tuple[SessionRow, ...]:
        """The user's warm sessions, oldest first; an administrator may see everybody's."""
        return self._ask(calls.list_sessions(everybody=everybody))

    def end_session(self, session: str) -> SessionRow:
        """Asks for a warm session to end; answers when the wish is durable."""
        return self._ask(calls.end_session(session))

    def log(
        self, task: str, from_line: int = 1, *, part: int = 0, size: int = 1000, wait: float = 0
    ) -> LogPage:
        """One page of lines; waits up to ``wait`` seconds for the first of them.

        ``part`` is the first part wanted of the long line ``from_line``, 0 for the whole of it.
        """
        return self._ask(calls.log(task, from_line, part, size=size, wait=wait))

    def follow(self, task: str, from_line: int = 1) -> Iterator[Line | Gap | End]:
        """Every line exactly once and in order from ``from_line`` on, and finally the End.

        A Gap stands for lines that are no longer kept. Survives broken connections.
        """
        for batch in self.news(task, from_line):
            for item in batch:
                if isinstance(item, Line | Gap | End):
                    yield item

    def news(
        self, task: str, from_line: int = 1, *, partial: bool = False, credit: int = 0
    ) -> Generator[tuple[News, ...]]:
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
    ) -> Generator[tuple[News, ...]]:
        """Submits code and follows it, by one websocket if one can be had.

        ``push`` asks for changes of state and progress as well.
        """
        made = _submission(code, engine, language, request_id, session)
        submission = replace(made, push=push)
        return self._steps(Follower(submission, Place(), self._pacing).plan())

    def _ask(self, call: Call[T]) -> T:
        plan: Plan[T] = ask(call, self._pacing)
        steps = self._steps(plan)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                result: T = done.value
                return result

    def _steps(self, plan: Plan[T]) -> Generator[tuple[News, ...], None, T]:
        """Carries out a plan; yields what it tells and returns what it comes to."""
        with contextlib.closing(_Socket(self._address)) as socket:
            answer: object = None
            trouble: ConnectionFailed | None = None
            while True:
                try:
                    step = plan.throw(trouble) if trouble else plan.send(answer)
                except StopIteration as done:
                    result: T = done.value
                    return result
                answer, trouble = None, None
                if isinstance(step, Tell):
                    yield step.news
                    continue
                try:
                    answer = self._perform(step, socket)
                except ConnectionFailed as error:
                    trouble = error

    def _perform(self, step: Step, socket: _Socket) -> object:
        match step:
            case Fetch(call):
                return self._fetch(call)
            case Connect(seconds):
                socket.open(self._fresh_token(), seconds)
            case Send(frame, _):
                socket.send(frame)
            case Receive(seconds):
                return socket.receive(seconds)
            case Hangup():
                socket.close()
            case Pause(seconds):
                time.sleep(seconds)
            case Tell():
                raise TypeError("news are for the caller")
        return None

    def _fresh_token(self) -> str:
        return self._token if isinstance(self._token, str) else self._token()

    def _fetch(self, call: Call[object]) -> Reply:
        deadline = time.monotonic() + call.seconds
        try:
            with self._http.stream(
                call.method,
                self._address.http + call.path,
                params=call.query,
                content=call.body or None,
                headers=wire.headers(self._fresh_token(), call.body),
                timeout=wire.timeouts(call.seconds),
            ) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("the answer took too long")
                return wire.reply(response, bytes(body))
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise wire.failed(self._address.http, error) from error
        finally:
            self._http.cookies.clear()  # the token goes by header alone


class _Socket:
    """At most one open websocket; every trouble with it is a ConnectionFailed."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: ClientConnection | None = None
        self._closing = contextlib.ExitStack()

    def open(self, token: str, seconds: float) -> None:
        self.close()
        try:
            self._connection = self._closing.enter_context(
                connect(
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
            )
        except (OSError, WebSocketException) as error:
            raise wire.failed(self._address.socket, error) from error

    def send(self, frame: str) -> None:
        try:
            self._open.send(frame)
        except (OSError, WebSocketException) as error:
            raise wire.failed(self._address.socket, error) from error

    def receive(self, seconds: float) -> str | bytes | None:
        try:
            return self._open.recv(seconds)
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as error:
            raise wire.failed(self._address.socket, error) from error

    def close(self) -> None:
        self._connection = None
        with contextlib.suppress(OSError, WebSocketException):
            self._closing.close()

    @property
    def _open(self) -> ClientConnection:
        if not self._connection:
            raise ConnectionFailed("no websocket is open")
        return self._connection


def _submission(code: str, engine: str, language: str, request_id: str, session: str) -> Submission:
    return Submission(engine, language, code, request_id or uuid.uuid4().hex, session=session)
