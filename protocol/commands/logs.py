"""Logs: a page of lines, and the lines that hold a text."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.command import Command
from protocol.logs import Cursor, Line, LogPage, RenderedPageCache
from protocol.tasks import Task, TaskRef

__all__ = ["LogMatches", "LogRead", "ReadLog", "SearchLog"]


@dataclass(frozen=True, slots=True)
class LogRead:
    """A page of a log together with the task as it was when the page was read.

    ``said`` is what was made of the page for others who read it.
    """

    page: LogPage
    task: Task
    said: RenderedPageCache = field(default_factory=dict, compare=False, repr=False)


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
class LogMatches:
    """Lines of a log that hold a text, nearest first, each cut to what stands around it.

    ``next`` is the line to go on with, in the direction in which was looked. ``more`` says that
    there are lines on that side that were not looked at; a log that grows has more later.
    """

    task: Task
    lines: tuple[Line, ...]
    next: int
    more: bool


@dataclass(frozen=True, slots=True)
class SearchLog(Command[LogMatches]):
    """Asks for lines that hold ``text``, from ``line`` on or, ``backward``, before it.

    Looks for a bounded time and answers with what was found by then. ``ignore_case`` is for ASCII
    letters. A text is found within a line, of a long one within a part. At most ``limit`` lines.
    """

    task: TaskRef
    text: str
    line: int = 1
    backward: bool = False
    ignore_case: bool = False
    limit: int = 100
