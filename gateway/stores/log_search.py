"""Looking for a text in the recorded log of one run, a bounded stretch at a time.

What cannot hold the text is passed over as bytes, blocks of whole lines are searched in the rest,
and only lines that hold the text become objects: a search costs about what it costs to read the
file. Must never take longer than it is given, but for one stretch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from engines.rundir.archive import Damaged
from engines.rundir.directory import RunDir
from engines.rundir.replay import Replay
from engines.rundir.skim import Skim
from gateway.stores.blocks import from_engine
from protocol.errors import GatewayError, Kind
from protocol.logs import Block, Line

__all__ = ["Found", "LogSearch"]

_PAGE_BYTES = 1 << 20
_PAGE_LINES = 1 << 20
_FIRST_BYTES = 1 << 20
_MOST_BYTES = 1 << 23
_FIRST_LINES = 10_000
_LONGEST = 512
_BEFORE = 128


@dataclass(frozen=True, slots=True)
class Found:
    """Lines that hold the text, nearest first, and the line that was to be looked at next.

    ``more`` says that there are lines on that side that were not looked at.
    """

    lines: tuple[Line, ...]
    next: int
    more: bool


class LogSearch:
    """Looks through the log of a run. Blocks, and is for one thread at a time.

    Args:
        run: the run directory.
        text: what a line must hold, without a line end; not empty.
        limit: how many lines are wanted at most.
        ignore_case: whether ASCII letters are alike in both cases.
        overdue: whether it has taken long enough; asked after each block.
    """

    def __init__(
        self,
        run: RunDir,
        text: bytes,
        limit: int,
        *,
        ignore_case: bool,
        overdue: Callable[[], bool],
    ) -> None:
        self._run = run
        self._text = text.lower() if ignore_case else text
        self._limit = limit
        self._ignore_case = ignore_case
        self._overdue = overdue

    def forward(self, line: int) -> Found:
        """The first lines from ``line`` on; of lines that go on growing, what there is by now.

        Raises:
            GatewayError: INTERNAL if the log is damaged there.
        """
        found: list[Line] = []
        with self._searching() as pages:
            for page in pages(line):
                for match in page.matches:
                    if found and found[-1].number == match.number:
                        continue
                    if len(found) == self._limit:
                        return Found(tuple(found), match.number, more=True)
                    found.append(match)
                line = page.next
                if self._overdue():
                    return Found(tuple(found), line, more=True)
        return Found(tuple(found), line, more=False)

    def backward(self, line: int) -> Found:
        """The last lines before ``line``, the nearest first.

        Raises:
            GatewayError: INTERNAL if the log is damaged there.
        """
        found: list[Line] = []
        end, size = line, _FIRST_BYTES
        with self._searching() as pages:
            while end > 1:
                start = pages.before(end, size)
                for match in reversed(_within(pages(start), end, self._limit)):
                    if len(found) == self._limit:
                        return Found(tuple(found), found[-1].number, more=True)
                    found.append(match)
                end, size = start, min(size * 2, _MOST_BYTES)
                if self._overdue() and end > 1:
                    return Found(tuple(found), end, more=True)
        return Found(tuple(found), 1, more=False)

    @contextmanager
    def _searching(self) -> Iterator[_Pages]:
        skim = Skim(self._run, self._text, ignore_case=self._ignore_case)
        with skim, Replay(self._run) as replay:
            yield _Pages(skim, replay, self._matches)

    def _matches(self, block: Block) -> Iterator[Line]:
        """The lines of a block that hold the text, cut to what stands around it."""
        data = block.data.lower() if self._ignore_case else block.data
        position = data.find(self._text)
        counted, number = 0, block.first
        marks = iter(block.marks)
        mark, covered = next(marks), block.first
        while position >= 0:
            number += data.count(b"\n", counted, position)
            while number >= covered + mark.size:
                covered += mark.size
                mark = next(marks)
            begin = data.rfind(b"\n", counted, position) + 1 or counted
            end = data.find(b"\n", position)
            stop = len(data) if end < 0 else end
            cut = max(begin, position - _BEFORE)
            snippet = block.data[cut : min(stop, cut + _LONGEST)]
            yield Line(number, mark.time_ms, mark.stream, snippet)
            if end < 0:
                return
            counted, number = end + 1, number + 1
            position = data.find(self._text, counted)


class _Page(NamedTuple):
    """The matches in a stretch of lines, and the line behind it."""

    matches: Iterator[Line]
    next: int


class _Pages:
    """Stretches of lines in order, from any line on; those that hold nothing cost little."""

    def __init__(
        self, skim: Skim, replay: Replay, matches: Callable[[Block], Iterator[Line]]
    ) -> None:
        self._skim = skim
        self._replay = replay
        self._matches = matches

    def before(self, line: int, size: int) -> int:
        """The line where a stretch of about that many bytes before ``line`` begins."""
        found = self._skim.before(line, size)
        return found if 0 < found < line else max(1, line - _FIRST_LINES)

    def __call__(self, line: int) -> Iterator[_Page]:
        """The stretches from a line on, to the end of what there is by now."""
        part = 0
        try:
            while True:
                behind, read = (line, True) if part else self._skim.stretch(line)
                if not read:
                    line = behind
                    yield _Page(iter(()), line)
                    continue
                lines = behind - line if behind > line else _PAGE_LINES
                page = self._replay.read(line, part, lines, _PAGE_BYTES)
                line, part = page.next_line, page.next_part
                for block in map(from_engine, page.blocks):
                    following = block.first if block.more else block.last + 1
                    yield _Page(self._matches(block), following)
                if not page.blocks or page.at_end:
                    return
        except Damaged as error:
            message = f"line {line} of this log cannot be read: {error}"
            raise GatewayError(Kind.INTERNAL, message) from error


def _within(pages: Iterable[_Page], end: int, limit: int) -> deque[Line]:
    """The last matches before a line, one more than are asked for."""
    found: deque[Line] = deque(maxlen=limit + 1)
    for page in pages:
        for match in page.matches:
            if match.number >= end:
                return found
            if not (found and found[-1].number == match.number):
                found.append(match)
        if page.next >= end:
            break
    return found
