"""What a subscriber may be told about a task that it follows."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.logs import Line, LogPage, RenderedPageCache
from protocol.tasks import Task

__all__ = [
    "Ended",
    "Event",
    "LineOpen",
    "LinesAppended",
    "ProgressChanged",
    "QueueMoved",
    "StateChanged",
    "SubmitUnconfirmed",
]


@dataclass(frozen=True, slots=True)
class LinesAppended:
    """Further lines, in order, each exactly once. ``said`` goes with the page, for all readers."""

    task: Task
    page: LogPage
    said: RenderedPageCache = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class LineOpen:
    """What stands at the end of a line that has not ended: it will come again, with the line.

    ``line`` has the number, or the number and part, that it would have if it ended now.
    """

    task: Task
    line: Line


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The task is in another state, which is not final."""

    task: Task


@dataclass(frozen=True, slots=True)
class ProgressChanged:
    """More of the task is done."""

    task: Task


@dataclass(frozen=True, slots=True)
class QueueMoved:
    """The task waits with ``ahead`` others before it."""

    task: Task
    ahead: int


@dataclass(frozen=True, slots=True)
class SubmitUnconfirmed:
    """The answer to the submit of the task may not have reached its client; the first event."""

    task: Task


@dataclass(frozen=True, slots=True)
class Ended:
    """The task is final and every line was told; the last event of every subscription."""

    task: Task


Event = (
    LinesAppended
    | LineOpen
    | StateChanged
    | ProgressChanged
    | QueueMoved
    | SubmitUnconfirmed
    | Ended
)
