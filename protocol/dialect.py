"""The seam between the core and a job API: routes, errors and a websocket conversation.

A dialect never awaits, calls a service or sees a store. It turns bytes into commands and results
into bytes; who may ask and what happens is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from protocol.accounts import Credential, Reads
from protocol.command import Command
from protocol.commands.subscriptions import Credit, FollowTask, Watch
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
    "Conversation",
    "Credit",
    "Dialect",
    "Follow",
    "Frame",
    "Located",
    "LocatingDialect",
    "PasswordDialect",
    "Route",
    "Send",
    "Step",
    "Unfollow",
    "Watch",
    "WebSocketDialect",
    "WeighingDialect",
]

R = TypeVar("R")
Frame = str | bytes


@dataclass(frozen=True, slots=True)
class Route(Generic[R]):
    """One row of a dialect's table.

    ``template`` is a path below the mount with ``{name}`` for one segment each, and with
    ``{name...}`` at its end for the rest, of one or more segments. ``parse`` raises
    GatewayError for what it cannot understand. ``open`` marks a route that needs no credential.
    ``streams`` marks one whose body is not read into memory. ``harmless`` marks one that changes
    nothing though its method may, so that any page may have it asked. ``reads`` opens what owners
    share to others, for reading; a PUBLIC one needs no credential. The settings of the mount may
    say otherwise. ``acts`` marks one that changes something though its method may not. ``slow``
    marks one whose reply may be long to render: that is done beside the loop.
    """

    method: str
    template: str
    parse: Callable[[Request], Command[R]]
    render: Callable[[R, Request], Reply]
    open: bool = False
    streams: bool = False
    harmless: bool = False
    acts: bool = False
    reads: Reads = Reads.OWN
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """The session wants a command carried out; the result comes back under ``key``.

    A ``patient`` one is asked again as long as the gateway cannot tell (kind UNAVAILABLE). A
    ``slow`` one has a reply that may be long to render, and an ``open`` one needs no login, as in
    Route: any other is refused to strangers, whatever its command is. ``headers`` is what the
    message said that HTTP says in headers: the trace that it belongs to.
    """

    key: int
    command: Command[Any]
    patient: bool = False
    slow: bool = False
    open: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


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
class Follow:
    """The session subscribes to a task; events come back under ``key`` until Ended.

    A task that its client may not see, or that is not there, is answered through ``failed`` under
    the same key. Following under a key that is in use replaces the earlier subscription.

    ``resume`` asks for delivery to one socket at a time: the subscription begins when no other
    socket of the user has such a one for the task, goes on after what that one was told (and not
    at ``cursor``), and leaves its own place behind for the next. ``begun`` wants that only of what
    some socket was told a part of and not the end; else the subscription ends in silence.
    What that one is known to have taken counts, not what it was sent. ``acknowledge`` wants to be
    told (``SubmitUnconfirmed``) if nobody is known to have taken even the answer to the submit.
    ``credit`` bounds how far it runs ahead of its client; None for as fast as the socket takes it.
    One that ``yields`` ends, and is answered through ``failed``, where there are too many and one
    that does not wants to begin.
    """

    key: int
    task: TaskRef
    cursor: Cursor = Cursor()
    watch: Watch = Watch()
    resume: bool = False
    begun: bool = False
    acknowledge: bool = False
    credit: Credit | None = None
    yields: bool = False

    @property
    def command(self) -> FollowTask:
        """What is asked of the gateway for it."""
        return FollowTask(
            self.task,
            self.cursor,
            self.watch,
            self.resume,
            self.begun,
            self.acknowledge,
            self.credit,
        )


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


class Conversation(Protocol):
    """One websocket's conversation without the socket. Every method returns what to do, in order.

    The transport calls ``received`` for each message, ``answered`` or ``failed`` exactly once for
    each Ask and ``failed`` at most once for each Follow, and ``on_event`` for each event. Time
    comes in as an argument (ms since the epoch).
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

    def on_event(self, key: int, event: Event, now_ms: int) -> Sequence[Step]:
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
    def cookie(self) -> str:
        """Name of the cookie in which this dialect's clients carry their ticket; empty for none."""
        ...

    def credential(self, headers: Mapping[str, str]) -> Credential | None:
        """The proof of identity in headers of this dialect's own, None if there is none.

        Names of headers are in lower case. Asked after ``Authorization`` and before the cookie.
        """
        ...

    def refuse(self, error: GatewayError, request: Request) -> Reply:
        """The error in the dialect's own shape; total over every kind."""
        ...


@runtime_checkable
class WebSocketDialect(Dialect, Protocol):
    """A dialect that holds conversations as well; one that has no websocket leaves this out."""

    @property
    def sockets(self) -> Sequence[str]:
        """Path templates below the mount at which a websocket may be opened; empty for none."""
        ...

    def heavy(self, data: Frame) -> bool:
        """Whether it may take more than a moment to understand a body or message."""
        ...

    def conversation(self, query: Mapping[str, str]) -> Conversation:
        """A fresh conversation for one websocket, opened with this query."""
        ...


@dataclass(frozen=True, slots=True)
class Located:
    """The path by which a route is found, and the suffix that was taken off it; empty if none."""

    path: str
    suffix: str = ""


@runtime_checkable
class LocatingDialect(Dialect, Protocol):
    """A dialect whose paths may end in the format of the answer, such as ``/jobs/42.yaml``."""

    def locate(self, path: str) -> Located:
        """What a clean path below the mount names; asked before a route is sought."""
        ...


@runtime_checkable
class PasswordDialect(Dialect, Protocol):
    """A dialect that takes a name and a password with each request (HTTP Basic)."""

    @property
    def realm(self) -> str:
        """What a client is told it needs a password for, in the dialect's own challenge."""
        ...


@runtime_checkable
class WeighingDialect(Dialect, Protocol):
    """A dialect that knows which bodies take long to read; of others the long ones are taken to."""

    def heavy(self, data: Frame) -> bool:
        """Whether it may take more than a moment to understand a body or message."""
        ...
