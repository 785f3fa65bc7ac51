"""The verbs: what may be asked, each as one frozen value whose type says what comes back."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from protocol.accounts import Principal, Ticket
from protocol.errors import GatewayError
from protocol.logs import Cursor, LogPage, Said
from protocol.tasks import FileInput, Task, TaskRef, TaskState

__all__ = [
    "Command",
    "DataObject",
    "DeleteData",
    "DeleteTask",
    "DescribeData",
    "Execute",
    "Hello",
    "Kill",
    "KillEach",
    "ListEngines",
    "ListTasks",
    "Load",
    "LogRead",
    "Login",
    "Logout",
    "OpenData",
    "OpenSession",
    "OpenedData",
    "ReadLoad",
    "ReadLog",
    "ReadLoginKey",
    "ReadSubmission",
    "ReadTask",
    "Refuse",
    "Renew",
    "SearchTasks",
    "StoreData",
    "Submission",
    "TaskPage",
    "WhoAmI",
]

R_co = TypeVar("R_co", covariant=True)


class Command(Generic[R_co]):
    """One verb. ``R_co`` is what dispatch answers; every refusal is a GatewayError."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Login(Command[Ticket]):
    """Proves an identity by password and asks for a ticket.

    ``encrypted`` is the password under the key of ReadLoginKey, in place of ``password``.
    """

    user: str
    password: str = ""
    encrypted: bytes = b""


@dataclass(frozen=True, slots=True)
class ReadLoginKey(Command[bytes]):
    """Asks for the public key (DER) for passwords; empty if they come as they are."""


@dataclass(frozen=True, slots=True)
class OpenSession(Command[Ticket]):
    """Asks for a ticket for who has proved an identity in another way than by password.

    ``user`` is whose it is to be: empty for the caller's own; another's is for admins.
    """

    user: str = ""


@dataclass(frozen=True, slots=True)
class Logout(Command[None]):
    """Makes the ticket of this request worthless from now on."""


@dataclass(frozen=True, slots=True)
class WhoAmI(Command[Principal]):
    """Asks who the gateway takes the caller for."""


@dataclass(frozen=True, slots=True)
class Hello(Command[None]):
    """Asks for nothing: for what a dialect answers by itself, to anybody."""


@dataclass(frozen=True, slots=True)
class Renew(Command[Ticket | None]):
    """Keeps a session alive: a fresh ticket if half of the old one's life is over, else None."""


@dataclass(frozen=True, slots=True)
class Execute(Command[Task]):
    """Asks for code to be run. Answered when the task is durable, with the accepted task.

    ``request_id`` makes a repetition safe: the same user, id and body give the same task; another
    body is a conflict. Empty for none. ``alike`` is the code as a repetition would have it, if the
    code has the time of its submit in it; else empty. ``seconds`` limits the running time, 0 for
    the configured limit. ``queue_seconds`` limits the time before the start, 0 for no limit.
    ``life_seconds`` is how long the task and its output exist, counted from now: 0 for the
    configured time, larger values than configured are clipped. ``name`` is unique per owner if
    given. ``owner`` is whose task it becomes: empty for the caller's own; another's is for admins.
    ``secrets`` are environment variables whose values are never shown, indexed or logged.
    ``label`` parts the sessions of one owner. ``retries`` is how often the start is tried again if
    the machine lacks processes or memory for it: what was executed is never executed again.
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
    alike: str = ""


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
class ReadTask(Command[Task]):
    """Asks what is known of a task: state, progress, outcome."""

    task: TaskRef


@dataclass(frozen=True, slots=True)
class LogRead:
    """A page of a log together with the task as it was when the page was read.

    ``said`` is what was made of the page for others who read it.
    """

    page: LogPage
    task: Task
    said: Said = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ReadLog(Command[LogRead]):
    """Asks for lines from a cursor on, at most ``max_lines`` and about ``max_bytes``.

    If there are none yet and the task is not final, waits up to ``wait_seconds`` for the first.
    0 for a maximum means the configured one.
    """

    task: TaskRef
    cursor: Cursor = Cursor()
    max_lines: int = 0
    max_bytes: int = 0
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Kill(Command[Task]):
    """Asks for a task to end. Answered when the wish is durable; idempotent.

    ``grace_seconds`` lies between the polite signal and the certain one; negative for the
    configured time.
    """

    task: TaskRef
    grace_seconds: float = -1.0


@dataclass(frozen=True, slots=True)
class ListTasks(Command[tuple[Task, ...]]):
    """Asks for tasks, newest first. An empty ``owner`` is the caller; others are for admins.

    ``states`` empty means any. Times are ms since the epoch, 0 for open ends; both compare with
    the time of creation. ``dialect`` empty means any.
    """

    owner: str = ""
    states: tuple[TaskState, ...] = ()
    from_ms: int = 0
    to_ms: int = 0
    dialect: str = ""
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some of the tasks that were looked for, and how many fit in all (as far as was counted)."""

    tasks: tuple[Task, ...]
    total: int


@dataclass(frozen=True, slots=True)
class SearchTasks(Command[TaskPage]):
    """Asks for a page of the tasks that fit, newest first, and how many do.

    What is empty or 0 fits anything. ``owner`` empty is the caller or, with ``everybody``, all
    whose tasks the caller may see. ``numbers`` asks for these tasks and no others. ``words`` are
    client words that a task must hold. Times are ms since the epoch.
    """

    owner: str = ""
    everybody: bool = False
    states: tuple[TaskState, ...] = ()
    from_ms: int = 0
    to_ms: int = 0
    engine: str = ""
    words: tuple[tuple[str, str], ...] = ()
    numbers: tuple[int, ...] = ()
    first_number: int = 0
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class KillEach(Command[tuple[Task | GatewayError, ...]]):
    """Asks for several tasks to end; each is answered by itself, in the order asked.

    ``grace_seconds`` is as in Kill.
    """

    tasks: tuple[TaskRef, ...]
    grace_seconds: float = -1.0


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


@dataclass(frozen=True, slots=True)
class ListEngines(Command[tuple[str, ...]]):
    """Asks for the names of the engines that tasks can be given to."""


@dataclass(frozen=True, slots=True)
class DeleteTask(Command[Task]):
    """Asks for a task to be forgotten with all its output; an active one is stopped first."""

    task: TaskRef


@dataclass(frozen=True, slots=True)
class DataObject:
    """A stored file. ``sha256`` is lower-case hex, empty while not computed.

    ``answer`` is true for the output of a task, false for an upload. ``truncated`` says that the
    output was longer than what is kept.
    """

    id: str
    name: str
    size: int
    sha256: str
    created_ms: int
    answer: bool = False
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class OpenedData:
    """A stored file, or a stretch of it, being read: ``chunks`` are ``length`` bytes in all."""

    object: DataObject
    offset: int
    length: int
    chunks: AsyncIterable[bytes]


@dataclass(frozen=True, slots=True)
class StoreData(Command[tuple[DataObject, ...]]):
    """Asks to keep what a request's body holds: one file, or one for each part of a form.

    ``boundary`` is the form's, empty for a plain body, whose file is then called ``name``.
    """

    chunks: AsyncIterable[bytes]
    name: str = ""
    boundary: str = ""


@dataclass(frozen=True, slots=True)
class DescribeData(Command[DataObject]):
    """Asks about a stored file."""

    object_id: str


@dataclass(frozen=True, slots=True)
class OpenData(Command[OpenedData]):
    """Asks for the bytes of a stored file from ``first`` to ``last``, both included.

    A negative ``first`` counts from the end (``last`` is then ignored); a negative ``last`` is the
    end. ``errors`` asks for a task's stderr instead of its stdout.
    """

    object_id: str
    first: int = 0
    last: int = -1
    errors: bool = False


@dataclass(frozen=True, slots=True)
class DeleteData(Command[DataObject]):
    """Asks for a stored file to be removed; a conflict while an active task needs it."""

    object_id: str
