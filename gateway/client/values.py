"""What a client is told, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.logs import Gap, Line, Stream
from protocol.tasks import Stage

__all__ = [
    "ACTIVE_WORDS",
    "FINAL_WORDS",
    "End",
    "KillReport",
    "LogPage",
    "News",
    "Partial",
    "Progress",
    "ProgressChanged",
    "QueueRow",
    "SessionRow",
    "Stage",
    "StateChanged",
    "Status",
    "Submitted",
    "TaskRow",
    "Ticket",
]

FINAL_WORDS = frozenset({"Succeed", "Failed", "Cancelled", "Timeout"})
"""The status words after which nothing follows (Linkis contract, rule 14)."""

ACTIVE_WORDS = ("Inited", "Scheduled", "Running", "WaitForRetry")
"""The status words of tasks that wait or run."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A fresh login: whose it is and the token that proves it."""

    user: str
    admin: bool
    token: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """An accepted task under its two names."""

    exec_id: str
    task_id: int


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a task, in the dialect's word; code and signal only once it has ended.

    ``waiting_reason`` says why a task that waits does not start, empty if nobody knows.
    """

    exec_id: str
    status: str
    task_id: int = 0
    exit_code: int | None = None
    signal: int | None = None
    waiting_reason: str = ""

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self.status in FINAL_WORDS


@dataclass(frozen=True, slots=True)
class Progress:
    """How much is done: ``fraction`` in [0, 1]."""

    fraction: float
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task in a list. Times are ms since the epoch, 0 for not known.

    ``status`` is the word of the contract, ``state`` our own. ``code`` is empty unless it is the
    user's own and small enough. ``exit_code`` and ``signal`` are None unless it ended so.
    """

    task_id: int
    exec_id: str
    status: str
    owner: str
    engine: str
    language: str
    created_ms: int
    milliseconds: int
    progress: float
    error: str
    state: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    waiting_reason: str = ""
    code: str = ""
    started_ms: int = 0
    finished_ms: int = 0
    exit_code: int | None = None
    signal: int | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A queue and how much of it is in use: tasks that run and wait, and slots of the pool."""

    name: str
    status: str
    running: int
    waiting: int
    used_slots: int
    share_slots: int
    ceiling_slots: int
    used_memory_mb: int


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A warm session in a list. Times are ms since the epoch, 0 for never."""

    id: str
    state: str
    owner: str
    engine: str
    creator: str
    created_ms: int
    used_ms: int
    statements: int


@dataclass(frozen=True, slots=True)
class KillReport:
    """What came of a kill so far.

    ``state`` is none, killing, killed or ended: the last if the task ended in another way.
    ``verified`` says that it is proved that nothing is left, and ``proof`` how. ``signals`` are the
    names of what was sent, in order, ``died`` counts the processes that ended of it, ``left`` are
    those still seen. ``record`` is all of it as the gateway said it.
    """

    exec_id: str
    status: str
    state: str
    verified: bool
    proof: str
    signals: tuple[str, ...]
    died: int
    left: tuple[int, ...]
    record: Mapping[str, object]

    @property
    def over(self) -> bool:
        """Whether no kill is going on."""
        return self.state != "killing"


@dataclass(frozen=True, slots=True)
class LogPage:
    """Consecutive lines and where to go on.

    ``next_line`` and ``next_part`` are the place for the following request; part 0 is the whole
    line. ``first`` and ``last`` are the numbers of the first line still kept and of the last one
    there is. ``eof`` says that the task is final and nothing follows this page. ``gaps`` are
    stretches of lines that are no longer kept.
    """

    lines: tuple[Line, ...]
    next_line: int
    next_part: int
    first: int
    last: int
    eof: bool
    status: str
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The task is in another state."""

    status: str


@dataclass(frozen=True, slots=True)
class ProgressChanged:
    """More of the task is done."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class Partial:
    """A glimpse of a line that has not ended; the line itself comes when it does."""

    number: int
    stream: Stream
    text: str


@dataclass(frozen=True, slots=True)
class End:
    """The task is final and every line was told; ``last`` is the number of the last one."""

    last: int
    status: str
    exit_code: int | None = None
    signal: int | None = None


News = Submitted | Line | Gap | Partial | StateChanged | ProgressChanged | End
"""What following a task brings, in order; End comes once and last."""
