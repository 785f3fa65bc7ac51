"""Tasks: what a client asked for, its state and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

__all__ = [
    "NUMBER_MARK",
    "TRANSITIONS",
    "Again",
    "ById",
    "ByName",
    "ByNumber",
    "FileInput",
    "Outcome",
    "Progress",
    "Reason",
    "Stage",
    "Task",
    "TaskId",
    "TaskRef",
    "TaskState",
    "Warn",
]

NUMBER_MARK = "${number}"
"""What stands for the number of a task where that is not known yet."""

TaskId = NewType("TaskId", str)
"""A task's UUID, canonical 36-character lower-case text, ordered by time (version 7)."""


class TaskState(StrEnum):
    """The state of a task. The order of TRANSITIONS is the only way through."""

    ACCEPTED = "accepted"
    QUEUED = "queued"
    HELD = "held"
    STARTING = "starting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    RETRYING = "retrying"
    KILLING = "killing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"
    TIMED_OUT = "timed_out"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Whether nothing follows: a final state never changes."""
        return not TRANSITIONS[self]


_S = TaskState
_ENDINGS = frozenset({_S.SUCCEEDED, _S.FAILED, _S.KILLED, _S.TIMED_OUT, _S.LOST})

TRANSITIONS: Mapping[TaskState, frozenset[TaskState]] = {
    _S.ACCEPTED: _ENDINGS | {_S.QUEUED, _S.HELD, _S.STARTING, _S.RUNNING, _S.KILLING},
    _S.QUEUED: _ENDINGS | {_S.HELD, _S.STARTING, _S.RUNNING, _S.KILLING},
    _S.HELD: _ENDINGS | {_S.QUEUED, _S.KILLING},
    _S.STARTING: _ENDINGS | {_S.RUNNING, _S.HELD, _S.RETRYING, _S.KILLING},
    _S.RUNNING: _ENDINGS | {_S.SUSPENDED, _S.RETRYING, _S.KILLING},
    _S.SUSPENDED: _ENDINGS | {_S.RUNNING, _S.KILLING},
    _S.RETRYING: _ENDINGS | {_S.QUEUED, _S.HELD, _S.STARTING, _S.KILLING},
    _S.KILLING: frozenset({_S.KILLED, _S.LOST}),
    **{state: frozenset() for state in _ENDINGS},
}
"""From each state, the states that may follow. A kill that was acknowledged ends as killed."""


class Reason(StrEnum):
    """Why a task ended as it did, for programs."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    START_FAILED = "start_failed"
    KILLED = "killed"
    KILLED_BEFORE_START = "killed_before_start"
    TIME_LIMIT = "time_limit"
    QUEUE_TIME_LIMIT = "queue_time_limit"
    OUT_OF_MEMORY = "out_of_memory"
    SHIM_DIED = "shim_died"
    SESSION_DIED = "session_died"
    NODE_RESTARTED = "node_restarted"
    ENGINE_ERROR = "engine_error"
    REFUSED = "refused"
    PREEMPTED = "preempted"
    LEAF_DIED = "leaf_died"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, as its parent saw it.

    ``exit_code`` is None unless the main process exited by itself; ``signal`` is None unless a
    signal ended it. ``message`` is one sentence for a person. ``verified`` says whether it is
    proved that no process of the run is left. ``refused_line`` is the line from which on the disk
    did not take all of the output, 0 if it took everything.
    """

    reason: Reason
    exit_code: int | None
    signal: int | None
    message: str
    verified: bool = True
    refused_line: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """One job or stage of a task, counted in units of work."""

    id: str
    total: int
    succeeded: int
    failed: int
    running: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How much is done: ``fraction`` in [0, 1], or None while that is not known."""

    fraction: float | None = None
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class FileInput:
    """A stored data object that is placed in the working directory before the start.

    ``object_id`` is the object's UUID. An ``executable`` one gets mode 0755, others are read-only.
    ``alias`` is a second name for it, empty if none. ``variable`` names the environment variable
    that lists the relative paths of all inputs that share it, one a line; empty if none.
    """

    object_id: str
    executable: bool = False
    alias: str = ""
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Warn:
    """A signal that a run is sent so many seconds before its time limit."""

    signal: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Again:
    """When another task that asks for the same is submitted in the place of one that ended.

    That is if it was preempted, and if it exited with ``exit_code`` after it was sent ``signal``,
    be that the warning before its time limit; a code of 0 is none. The other task has the number of
    the one before among its client words, under ``word``.
    """

    word: str
    exit_code: int = 0
    signal: int = 0


@dataclass(frozen=True, slots=True)
class ByNumber:
    """Refers to a task by its number, as far as what else is known of it agrees.

    ``owner`` is whose task it must be, empty for anybody's. ``words`` are client words that it
    must hold if it holds words of these names at all. What does not agree is not there: whoever
    resolves a reference asks ``admits`` before doing anything with the task. ``otherwise`` is the
    number of the task that is meant if this one is not there, 0 for none.
    """

    number: int
    owner: str = ""
    words: tuple[tuple[str, str], ...] = ()
    otherwise: int = 0

    def admits(self, task: Task) -> bool:
        """Whether the task is the one that is meant."""
        return (
            task.number == self.number
            and self.owner in {"", task.owner}
            and all(task.client.get(name, word) == word for name, word in self.words)
        )


@dataclass(frozen=True, slots=True)
class ById:
    """Refers to a task by its UUID."""

    id: TaskId


@dataclass(frozen=True, slots=True)
class ByName:
    """Refers to a task by the name that its owner gave it."""

    owner: str
    name: str


TaskRef = ByNumber | ById | ByName


@dataclass(frozen=True, slots=True)
class Task:
    """What the gateway knows of a task at one moment.

    Times are milliseconds since the epoch, 0 for "not yet". ``number`` counts submissions and
    grows for ever. ``client`` holds the words that the dialect wants back with the task: kept and
    returned unread. ``version`` grows with every change of state or progress. ``last_line`` is the
    number of the last complete line in the log. ``log_complete`` says that the log has ended and
    that all of it can be read. ``shared`` says that its owner lets others read it, where a dialect
    opens that. ``repeated`` is true only in the answer to a submit whose request id had made this
    task before. ``seconds`` limits its running time, 0 for no limit. ``tags`` are words that were
    put on it. ``waiting_reason`` is one sentence for a person on why a queued task does not start,
    empty while nobody knows. ``node`` is the name of the node that has it, empty if there is one
    node only. ``unreachable_since_ms`` is since when that node gives no sign of life: then the
    state is the last that was known; 0 if it does, or if the task has ended.
    """

    id: TaskId
    number: int
    owner: str
    engine: str
    language: str
    state: TaskState
    created_ms: int
    name: str = ""
    dialect: str = ""
    client: Mapping[str, object] = field(default_factory=dict)
    started_ms: int = 0
    finished_ms: int = 0
    expires_ms: int = 0
    progress: Progress = Progress()
    outcome: Outcome | None = None
    last_line: int = 0
    log_complete: bool = False
    version: int = 0
    repeated: bool = False
    seconds: float = 0.0
    tags: tuple[str, ...] = ()
    shared: bool = False
    waiting_reason: str = ""
    node: str = ""
    unreachable_since_ms: int = 0
