"""The seam between the core and a job API: routes, errors and a websocket conversation.

A dialect never awaits, calls a service or sees a store. It turns bytes into commands and results
into bytes; who may ask and what happens is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from protocol.accounts import Credential
from protocol.commands import Command
from protocol.errors import GatewayError
from protocol.events import Event
from protocol.http import Reply, Request
from protocol.logs import Cursor
from protocol.tasks import TaskRef

__all__ = [
    "Acknowledge",
    "Ask",
    "Authenticate",
    "Close",
    "Credit",
    "Dialect",
    "Follow",
    "Frame",
    "Route",
    "Send",
    "Session",
    "Step",
    "Unfollow",
    "Watch",
]

R = TypeVar("R")
Frame = str | bytes


@dataclass(frozen=True, slots=True)
class Route(Generic[R]):
    """One row of a dialect's table.

    ``template`` is a path below the mount with ``{name}`` for one segment each. ``parse`` raises
    GatewayError for what it cannot understand. ``open`` marks a route that needs no credential.
    ``streams`` marks one whose body is not read into memory.
    """

    method: str
    template: str
    parse: Callable[[Request], Command[R]]
    render: Callable[[R, Request], Reply]
    open: bool = False
    streams: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """The session wants a command carried out; the result comes back under ``key``.

    A ``patient`` one is asked again as long as the gateway cannot tell (kind UNAVAILABLE).
    """

    key: int
    command: Command[Any]
    patient: bool = False


@dataclass(frozen=True, slots=True)
class Authenticate:
    """The session was given a ticket or a bearer token: from now on it speaks for its holder."""

    token: str


@dataclass(frozen=True, slots=True)
class Send:
    """The session has a message for its client.

    ``text`` says that bytes are the UTF-8 of a text message: they need not become ``str`` first.
    """

    frame: Frame
    text: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """The session ends: RFC 6455 close code and reason."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Watch:
    """What a subscription is told besides the end.

    ``partial`` is what stands on a line that has not ended yet.
    """

    lines: bool = True
    state: bool = False
    progress: bool = False
    queue: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Credit:
    """How far lines may be told ahead of the last Acknowledge: at most so many lines and bytes.

    0 is no bound. Each line and part counts one byte more than it holds; a long line counts as a
    line when its last part is told. A page may exceed the bytes by its last line or part.
    """

    lines: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Follow:
    """The session subscribes to a task; events come back under ``key`` until Ended.

    A task that its client may not see, or that is not there, is answered through ``failed`` under
    the same key. Following under a key that is in use replaces the earlier subscription.

    ``resume`` asks for delivery to one socket at a time: the subscription begins when no other
    socket of the user has such a one for the task, goes on after what that one was told (and not
    at ``cursor``), and leaves its own place behind for the next. ``begun`` wants that only of what
    some socket was told a part of and not the end; else the subscription ends in silence.
    ``credit`` bounds how far it runs ahead of its client; None for as fast as the socket takes it.
    """

    key: int
    task: TaskRef
    cursor: Cursor = Cursor()
    watch: Watch = Watch()
    resume: bool = False
    begun: bool = False
    credit: Credit | None = None


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The client has dealt with the lines before ``cursor`` of the subscription under ``key``.

    Says nothing to a subscription without credit, and nothing if the key is unknown.
    """

    key: int
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Unfollow:
    """The session gives up the subscription under ``key``; unknown keys are ignored."""

    key: int


Step = Acknowledge | Ask | Authenticate | Send | Close | Follow | Unfollow


class Session(Protocol):
    """One websocket's conversation without the socket. Every method returns what to do, in order.

    The transport calls ``received`` for each message, ``answered`` or ``failed`` exactly once for
    each Ask and ``failed`` at most once for each Follow, and ``told`` for each event. Time comes
    in as an argument (ms since the epoch).
    """

    def opened(self, user: str, now_ms: int) -> Sequence[Step]:
        """The socket is open; ``user`` is empty if nobody is logged in yet."""
        ...

    def received(self, frame: Frame, now_ms: int) -> Sequence[Step]:
        """The client sent a message: text as ``str``, binary as ``bytes``."""
        ...

    def answered(self, key: int, result: object, now_ms: int) -> Sequence[Step]:
        """The command asked under ``key`` was carried out."""
        ...

    def failed(self, key: int, error: GatewayError, now_ms: int) -> Sequence[Step]:
        """The command or subscription under ``key`` was refused."""
        ...

    def told(self, key: int, event: Event, now_ms: int) -> Sequence[Step]:
        """Something happened to the task followed under ``key``."""
        ...


class Dialect(Protocol):
    """A job API: constructed once at start with the mount prefix that its routes stand below."""

    name: str

    @property
    def routes(self) -> Sequence[Route[Any]]:
        """The table, in the order in which rows are tried."""
        ...

    @property
    def sockets(self) -> Sequence[str]:
        """Path templates below the mount at which a websocket may be opened; empty for none."""
        ...

    @property
    def cookie(self) -> str:
        """Name of the cookie in which this dialect's clients carry their ticket; empty for none."""
        ...

    def credential(self, headers: Mapping[str, str]) -> Credential | None:
        """The proof of identity in headers of this dialect's own, None if there is none.

        Names of headers are in lower case. Asked after ``Authorization`` and before the cookie.
        """
        ...

    def session(self, query: Mapping[str, str]) -> Session:
        """A fresh conversation for one websocket, opened with this query."""
        ...

    def refuse(self, error: GatewayError, request: Request) -> Reply:
        """The error in the dialect's own shape; total over every kind."""
        ...
