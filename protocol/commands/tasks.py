"""Tasks: submit, read, list, kill and delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.command import Command
from protocol.resources import Wants
from protocol.tasks import Again, FileInput, Task, TaskRef, Warn

__all__ = ["DeleteTask", "Execute", "Kill", "ListEngines", "ReadTask", "Rerun"]


@dataclass(frozen=True, slots=True)
class Execute(Command[Task]):
    """Asks for code to be run. Answered when the task is durable, with the accepted task.

    ``request_id`` makes a repetition safe: the same user, id and body give the same task; another
    body is a conflict. Empty for none. ``fingerprint`` is what the dialect compares repetitions by
    in place of the code, if that has the time of its submit in it; else empty. ``seconds`` limits
    the running time, 0 for the configured limit. ``queue_seconds`` limits the time before the
    start, 0 for no limit. ``life_seconds`` is how long the task and its output exist, counted from
    now: 0 for the configured time, larger values than configured are clipped. ``name`` is unique
    per owner if given. ``owner`` is whose task it becomes: empty for the caller's own; another's is
    for admins. ``secrets`` are environment variables whose values are never shown, indexed or
    logged. ``label`` parts the sessions of one owner. ``retries`` is how often the start is tried
    again if the machine lacks processes or memory for it: what was executed is never executed
    again. ``wants`` is what it needs of the pool and which queue it waits in, None for one slot of
    the default queue. A task with ``hold`` waits until it is let go. ``start_at_ms`` is before when
    it does not start, 0 for any time. It waits for the end of the tasks in ``after``, however they
    end. ``warn`` is a signal before the time limit. ``home`` is a folder of the owner's that it
    works in, empty for one of its own. A ``shared`` task may be shown to others without its code.
    ``rows`` is how many rows are kept of a table that it shows, 0 for the configured number.
    ``tags`` are words that are on it from the beginning.
    ``outputs`` are places in the owner's folder for files that get what it printed to stdout and to
    stderr when it has ended, with ``NUMBER_MARK`` for its number; empty for none.
    ``again`` is when another task takes its place after its end; that has no name, and does
    not wait for a time.
    """

    engine: str
    language: str
    code: str
    dialect: str
    client: Mapping[str, object] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[FileInput, ...] = ()
    name: str = ""
    request_id: str = ""
    seconds: float = 0.0
    queue_seconds: float = 0.0
    life_seconds: int = 0
    owner: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    label: str = ""
    retries: int = 0
    fingerprint: str = ""
    wants: Wants | None = None
    hold: bool = False
    start_at_ms: int = 0
    after: tuple[TaskRef, ...] = ()
    warn: Warn | None = None
    home: str = ""
    shared: bool = False
    rows: int = 0
    tags: tuple[str, ...] = ()
    outputs: tuple[str, str] = ("", "")
    again: Again | None = None


@dataclass(frozen=True, slots=True)
class ReadTask(Command[Task]):
    """Asks what is known of a task: state, progress, outcome."""

    task: TaskRef


@dataclass(frozen=True, slots=True)
class Kill(Command[Task]):
    """Asks for a task to end. Answered once the request is saved; idempotent.

    ``grace_seconds`` lies between the polite signal and the certain one; negative for the
    configured time.
    """

    task: TaskRef
    grace_seconds: float = -1.0


@dataclass(frozen=True, slots=True)
class DeleteTask(Command[Task]):
    """Asks for a task to be forgotten with all its output; an active one is stopped first."""

    task: TaskRef


@dataclass(frozen=True, slots=True)
class Rerun(Command[Task]):
    """Asks for what a task was given to be run once more, as a new task of the same owner.

    With its secrets and everything else, but without what it waited for and its name.
    ``code`` is run in place of its own, empty for that. ``request_id`` makes a repetition safe.
    """

    task: TaskRef
    code: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class ListEngines(Command[tuple[str, ...]]):
    """Asks for the names of the engines that tasks can be given to."""
