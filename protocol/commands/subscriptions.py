"""Following a task: what one is told of it, and how far ahead of what one has dealt with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from protocol.command import Command
from protocol.events import Event
from protocol.logs import Cursor
from protocol.tasks import TaskRef

__all__ = ["Credit", "FollowTask", "Following", "Tell", "Watch"]


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


Tell: TypeAlias = "Callable[[Event | None, Callable[[], None] | None], Awaitable[None]]"
"""Takes an event, or none, and returns when it is sent.

What is given with it is called once the client is known to have taken all that was told so far.
"""


class Following(Protocol):
    """A subscription to one task that its asker may see, before and while it is told."""

    def acknowledge(self, cursor: Cursor) -> None:
        """The client has dealt with all lines before a place."""
        ...

    def run(self, tell: Tell, turn: AbstractAsyncContextManager[Any]) -> Awaitable[None]:
        """Tells everything until the end, through any trouble of the store. Once.

        ``turn`` is entered for each page that is read and told: it bounds how many pages one socket
        holds at a time.
        """
        ...


@dataclass(frozen=True, slots=True)
class FollowTask(Command[Following]):
    """Asks to be told what happens to a task, from a place in its log on.

    ``resume`` asks for delivery to one socket at a time: the subscription begins when no other
    socket of the user has such a one for the task, goes on after what that one was told (and not
    at ``cursor``), and leaves its own place behind for the next. What that one is known to have
    taken counts, not what it was sent. ``begun`` wants that only of what some socket was told a
    part of and not the end; else nothing is told. ``acknowledge`` wants to be told
    (``SubmitUnconfirmed``) if nobody is known to have taken even the answer to the submit, and
    counts what nobody was told of as begun. ``credit`` bounds how far it runs ahead of its client;
    None for as fast as events are taken.
    """

    task: TaskRef
    cursor: Cursor = Cursor()
    watch: Watch = Watch()
    resume: bool = False
    begun: bool = False
    acknowledge: bool = False
    credit: Credit | None = None
