"""What there is to control a task by: the signals that may be sent, its events, its output.

And what a client may call a signal. Whether something is asked is said by ``commands.control``.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from protocol.errors import GatewayError, Kind
from protocol.tasks import Task, TaskState

__all__ = [
    "SIGNALS",
    "EventPage",
    "OpenedOutput",
    "Stream",
    "TaskEvent",
    "signal_name",
    "signal_number",
]

SIGNALS: Mapping[str, int] = {
    "HUP": 1,
    "INT": 2,
    "QUIT": 3,
    "USR1": 10,
    "USR2": 12,
    "ALRM": 14,
    "TERM": 15,
    "WINCH": 28,
}
"""The signals that may be sent, by name, with their numbers on Linux.

Those that end or stop a process for certain are not among them: for these there are kill, suspend
and resume, which reach all of a run and are told.
"""

_NAMES = {number: name for name, number in SIGNALS.items()}
_LONGEST = 20


class Stream(StrEnum):
    """What a task prints to; a closed set."""

    OUT = "stdout"
    ERR = "stderr"


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """One event in the life of a task.

    ``number`` counts from 1 in the order of the page. ``event`` is what was asked (``hold``,
    ``resume``, ``suspend``, ``signal``, ``limit``, ``tag``, ``kill``) or what happened
    (``accepted``, ``started``, ``suspended``, ``not_suspended``, ``resumed``, ``signalled``,
    ``not_signalled``, ``warned``, ``ended``). ``state`` is the state that it led to, None if it led
    to none. ``who`` asked, empty for the machinery. ``reason`` is why, as a word or a sentence.
    ``seconds`` is the limit that was set, ``signal`` the number of a signal, ``tree`` whether it
    was for all processes. ``tags`` were put on and ``removed`` taken off. ``request_id`` is that of
    what was asked, empty for none.
    """

    number: int
    at_ms: int
    event: str
    state: TaskState | None = None
    who: str = ""
    reason: str = ""
    seconds: float = 0.0
    signal: int = 0
    tree: bool = False
    tags: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events of a task in order. ``next`` is the number of the last, to go on from."""

    task: Task
    events: tuple[TaskEvent, ...]
    next: int
    more: bool


@dataclass(frozen=True, slots=True)
class OpenedOutput:
    """A stretch of what a task printed to one stream: ``chunks`` are ``length`` bytes in all.

    ``first`` is the offset of the first of them, which is larger than the one asked for if that is
    not kept. ``complete`` says that the task has ended and that the stretch goes to the end.
    """

    task: Task
    stream: Stream
    first: int
    length: int
    complete: bool
    chunks: AsyncIterable[bytes]


def signal_name(number: int) -> str:
    """What a signal is called, or its number if it is none of those that may be sent."""
    return _NAMES.get(number, str(number))


def signal_number(text: str, field: str = "signal") -> int:
    """The signal that a client names: ``USR1``, ``SIGUSR1``, in any case, or ``10``.

    Raises:
        GatewayError: INVALID if it is none that may be sent.
    """
    name = text.strip().upper().removeprefix("SIG")
    found = SIGNALS.get(name)
    if found is None and name.isascii() and name.isdigit() and len(name) < _LONGEST:
        found = int(name) if int(name) in _NAMES else None
    if found is None:
        raise GatewayError(
            Kind.INVALID,
            f"unknown signal {text[:_LONGEST]!r} (available: {', '.join(SIGNALS)})",
            field=field,
        )
    return found
