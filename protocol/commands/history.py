"""What was asked before and how busy the gateway is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.command import Command
from protocol.commands.tasks import Execute
from protocol.tasks import Task, TaskRef, TaskState

__all__ = ["Load", "ReadLoad", "ReadSubmission", "Refuse", "Submission", "TaskPage", "TaskQuery"]


@dataclass(frozen=True, slots=True)
class Refuse(Command[Task]):
    """Asks to record that a submission was refused: a task that failed before anything started.

    For dialects whose clients can be told of a refusal only through a task. ``message`` is why.
    """

    execute: Execute
    message: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A task with its code, which is empty for everybody but the owner and if it is not kept."""

    task: Task
    code: str


@dataclass(frozen=True, slots=True)
class ReadSubmission(Command[Submission]):
    """Asks what is known of a task and what it was given to run."""

    task: TaskRef


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some of the tasks that were looked for, and how many fit in all (as far as was counted).

    ``codes`` is what those of them were given to run whose owner asked for it, by number.
    """

    tasks: tuple[Task, ...]
    total: int
    codes: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskQuery(Command[TaskPage]):
    """Asks for a page of the tasks that fit, newest first, and how many do.

    Without ``count`` how many fit is not asked: the total is then that of the page. What is empty
    or 0 fits anything. ``owner`` empty is the caller or, with ``everybody``, all whose tasks the
    caller may see. ``numbers`` asks for these tasks and no others. ``words`` are client words that
    a task must hold, ``tags`` are all on it. Times are ms since the epoch. ``code_bytes`` is how
    much code is told in all, newest first: what does not fit as a whole is left out.
    """

    owner: str = ""
    everybody: bool = False
    states: tuple[TaskState, ...] = ()
    from_ms: int = 0
    to_ms: int = 0
    engine: str = ""
    dialect: str = ""
    words: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    first_number: int = 0
    limit: int = 100
    offset: int = 0
    code_bytes: int = 0
    count: bool = True


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the gateway is: tasks of one user and of all, and how many there may be.

    For who is no admin, all are one's own.
    """

    waiting: int
    running: int
    waiting_in_all: int
    running_in_all: int
    users_waiting: int
    most_running: int
    most_waiting: int


@dataclass(frozen=True, slots=True)
class ReadLoad(Command[Load]):
    """Asks how busy the gateway is, for a user: empty for the caller, others are for admins."""

    user: str = ""
