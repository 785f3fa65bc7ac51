"""Asking something of a task that waits or runs; each request is durable before it is answered.

Asking for what holds already changes nothing. A task that has ended, or is being killed, refuses
all but tags as a conflict.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.command import Command
from protocol.control import EventPage, OpenedOutput, Stream
from protocol.tasks import Task, TaskRef

__all__ = [
    "Hold",
    "ReadEvents",
    "ReadOutput",
    "Resume",
    "SetLimit",
    "Signal",
    "Suspend",
    "Tag",
]


@dataclass(frozen=True, slots=True)
class Hold(Command[Task]):
    """Asks that a waiting task is not started until it is resumed; a conflict once it was."""

    task: TaskRef


@dataclass(frozen=True, slots=True)
class Resume(Command[Task]):
    """Asks a held task to wait for its turn again, or a suspended one to go on."""

    task: TaskRef


@dataclass(frozen=True, slots=True)
class Suspend(Command[Task]):
    """Asks a running task to stand still, all of it; its running time stands still as well.

    A conflict while it waits; unsupported for a statement in a session.
    """

    task: TaskRef


@dataclass(frozen=True, slots=True)
class Signal(Command[Task]):
    """Asks for a signal to the main process of a running task, or with ``tree`` to all of them.

    ``signal`` is one of ``control.SIGNALS``. A conflict while the task waits. A statement in a
    session can be sent INT alone, which interrupts it. ``request_id`` makes a repetition safe: for
    one task and id the signal is sent once. Empty for none.
    """

    task: TaskRef
    signal: int
    tree: bool = False
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class SetLimit(Command[Task]):
    """Asks for another limit of the running time, in seconds from its start, 0 for none.

    Never more than the gateway allows. A task that ran for longer ends at once, as timed out.
    """

    task: TaskRef
    seconds: float


@dataclass(frozen=True, slots=True)
class Tag(Command[Task]):
    """Puts words on a task and takes others off, at any time while it is kept."""

    task: TaskRef
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadEvents(Command[EventPage]):
    """Asks what happened to a task, oldest first, ``limit`` events after the number ``after``."""

    task: TaskRef
    after: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class ReadOutput(Command[OpenedOutput]):
    """Asks for bytes of what a task printed, from ``first`` to ``last``, both included.

    Also while it runs: then of what there is. A negative ``first`` counts from the end (``last`` is
    then ignored); a negative ``last`` is the end.

    With ``lines`` the last so many lines are asked for, as many of them as fit into memory, and
    neither ``first`` nor ``last`` counts.
    """

    task: TaskRef
    stream: Stream = Stream.OUT
    first: int = 0
    last: int = -1
    lines: int = 0
