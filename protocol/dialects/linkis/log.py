"""The log in both faces: four texts by level with Linkis' cursor, and numbered lines of our own.

Follows the contract, section 3.5. In the first face the log begins with two banner lines that no
run printed, and ends with closing lines once everything was read; both are pure functions of the
task. So line 1 of the core has index 2. The core's blank lines count and are not shown. A line
without a level gets its time and INFO before it; of a line that is longer than a part, only the
first part is shown.

The second face, ``format=lines``, is an extension: the core's own numbers, every byte. A line that
is not UTF-8 has its bytes in ``base64`` too, and a line that does not fit into one reply goes on
in the next one as ``places`` says. The third, ``format=block``, is the second for bulk readers: the
lines joined, their times and streams by stretches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocol.commands.logs import LogRead, ReadLog
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.dialects.linkis.fields import invalid, number, whole
from protocol.dialects.linkis.line_rows import LineRows
from protocol.dialects.linkis.log_blocks import (
    Form,
    block_rows,
    by_level,
    form_of,
    joined,
    shown,
)
from protocol.dialects.linkis.places import cursor_of, movable
from protocol.dialects.linkis.words import STATUS_WORDS, error_text, time_text
from protocol.http import Reply, Request
from protocol.logs import Cursor, Gap
from protocol.tasks import ByNumber, Task, TaskState

__all__ = ["BANNERS", "Log", "banner", "closing", "gap_lines"]

BANNERS = 2
_MESSAGE = "Return logs information"
_PAGE = 100
_UNLIMITED = 10_000
_LONGEST_WAIT = 60.0
_JOINED = 256 * 1024


def banner(task: Task, exec_id: str) -> list[str]:
    """The two lines before everything that the run prints."""
    at = time_text(task.created_ms)
    return [
        f"{at} INFO Job with jobId : {task.number} and execID : {exec_id} is submitted.",
        f"{at} INFO Your job is accepted for engine {task.engine}. Please wait it to run.",
    ]


def closing(task: Task, exec_id: str) -> list[str]:
    """The lines after everything that the run printed; none while the task is not final."""
    if not task.state.final:
        return []
    at, word = time_text(task.finished_ms), STATUS_WORDS[task.state]
    job = f"Your job : {exec_id} execute with status {word}"
    if task.state is TaskState.SUCCEEDED:
        return [f"{at} INFO Congratulations! {job}."]
    fault = " ".join((error_text(task) or "").split())
    return [f"{at} ERROR {fault}", f"{at} INFO Sorry, {job}."]


def gap_lines(gaps: Sequence[Gap], task: Task) -> list[str]:
    """A warning for each stretch of lines that is gone."""
    at = time_text(task.created_ms)
    return [f"{at} WARN lines {gap.first} to {gap.last} are no longer kept." for gap in gaps]


@dataclass(frozen=True, slots=True)
class _Span:
    """The stretch of indexes that a request of the first face asks for."""

    start: int
    size: int

    @classmethod
    def of(cls, query: Mapping[str, str]) -> _Span:
        start = max(0, whole(query, "fromLine", 0))
        size = whole(query, "size", _PAGE)
        if size < 0:
            # The opening request of the web clients: they mean the beginning (section 3.5, rule 3).
            return cls(0 if start == 1 else start, _UNLIMITED)
        return cls(start, size)

    @property
    def first_line(self) -> int:
        """The first line of the core in it."""
        return max(1, self.start - BANNERS + 1)

    @property
    def core_lines(self) -> int:
        """How many lines of the core it can hold."""
        return max(0, self.start + self.size - max(self.start, BANNERS))


class Log:
    """The route ``log`` in both faces.

    Args:
        ids: names and finds tasks.
    """

    def __init__(self, ids: ExecIds) -> None:
        self._ids = ids

    def parse(self, request: Request) -> ReadLog:
        """The page of the core's log that holds what was asked for."""
        ref, query = self._ids.ref(request.params["id"]), request.query
        match query.get("format", ""):
            case "lines" | "block" | "raw":
                form_of(query)
                return _parse_lines(ref, query)
            case "" | "levels":
                span = _Span.of(query)
                cursor = Cursor(span.first_line)
                # A page of banner lines needs the task only; the smallest page brings it.
                return ReadLog(ref, cursor, max_lines=max(1, span.core_lines))
            case _:
                raise invalid("format", "must be 'lines', 'block', 'raw' or 'levels'")

    def render(self, read: LogRead, request: Request) -> Reply:
        """The page in the face that was asked for."""
        exec_id = self._ids.check(read.task, request.params["id"])
        if request.query.get("format", "") in {"lines", "block", "raw"}:
            return success(request, _MESSAGE, _numbered(read, exec_id, request.query))
        span = _Span.of(request.query)
        texts, following = _page(read, exec_id, span)
        apart = request.query.get("distinctLevel", "").lower() != "false"
        log: object = by_level(texts) if apart else "\n".join(texts)
        data = {"execID": exec_id, "taskID": read.task.number, "log": log, "fromLine": following}
        return success(request, _MESSAGE, data)


def _page(read: LogRead, exec_id: str, span: _Span) -> tuple[list[str], int]:
    """The texts of a span and the index after it."""
    end = span.start + span.size
    texts = banner(read.task, exec_id)[span.start : end]
    index = span.start + len(texts)
    if span.core_lines:
        texts += gap_lines(read.page.gaps, read.task)
        texts += shown(read.page.blocks)
        following = read.page.next.line + (read.page.next.part > 0)
        index = max(index, following + BANNERS - 1)
    if read.page.eof:
        done = max(0, index - BANNERS - read.page.last)
        last = closing(read.task, exec_id)[done : done + max(0, end - index)]
        texts, index = texts + last, index + len(last)
    return texts, index


def _parse_lines(ref: ByNumber, query: Mapping[str, str]) -> ReadLog:
    wait = min(number(query, "wait", 0.0), _LONGEST_WAIT)
    return ReadLog(
        ref, cursor_of(query), max_lines=max(0, whole(query, "size", 0)), wait_seconds=wait
    )


def _numbered(read: LogRead, exec_id: str, query: Mapping[str, str]) -> dict[str, object]:
    """A page of the core's numbers, as rows or as blocks."""
    task, form = read.task, form_of(query)
    page, line, part = movable(read, query)
    block = form is Form.BLOCK
    rows = block_rows(joined(page.blocks, _JOINED)) if block else LineRows(page.blocks, form)
    data: dict[str, object] = {
        "execID": exec_id,
        "taskID": task.number,
        "blocks" if block else "lines": rows,
        "fromLine": line,
        "first": page.first,
        "last": page.last,
        "eof": page.eof,
        "status": STATUS_WORDS[task.state],
    }
    if part:
        data["fromPart"] = part
    if page.gaps:
        data["gaps"] = [list(gap) for gap in page.gaps]
    return data
