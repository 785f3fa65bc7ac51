"""The log of a task: numbered lines, pages of them, and where a reader goes on.

Lines count from 1 in the order in which they ended, over both streams. Bytes are never changed:
text is a view of them. A line that is longer than a part may be comes in parts with one number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

__all__ = [
    "Block",
    "Cursor",
    "Gap",
    "Level",
    "Line",
    "LogPage",
    "Mark",
    "RenderedPageCache",
    "Stream",
    "classify",
]


RenderedPageCache: TypeAlias = "dict[tuple[str, ...], tuple[bytes, ...]]"
"""Messages that say one page, by what a dialect calls the way of saying it.

Kept beside the page, so that those who are at the same place are sent the same bytes. It may be
empty at any time, and a dialect must find in it only what it would say anew.
"""


class Stream(StrEnum):
    """Where a line was printed."""

    OUT = "out"
    ERR = "err"


class Level(StrEnum):
    """How grave a line is by its own words."""

    ERROR = "error"
    WARN = "warn"
    INFO = "info"


class Mark(NamedTuple):
    """A stretch of ``size`` lines of one stream that were read at one time (ms, epoch)."""

    size: int
    stream: Stream
    time_ms: int


class Cursor(NamedTuple):
    """Where to go on: the next line wanted, and which part of it (0 for all of it)."""

    line: int = 1
    part: int = 0


_NEAR_BYTES = 256


@dataclass(frozen=True, slots=True)
class Line:
    """One line, or one part of a long one.

    ``part`` is 0 for a whole line, else counts from 1; ``more`` says that further parts of the
    same line follow.
    """

    number: int
    time_ms: int
    stream: Stream
    data: bytes
    part: int = 0
    more: bool = False

    @property
    def text(self) -> str:
        """The bytes as text; what is not UTF-8 becomes U+FFFD."""
        return self.data.decode("utf-8", "replace")

    @property
    def overwritten(self) -> bool:
        """Whether a carriage return puts what comes after it over what was there before.

        Those at the end of the line put nothing over it.
        """
        return b"\r" in self._settled()

    @property
    def screen(self) -> str:
        """What counts of the line for a person: what came last, as of a bar that shows progress.

        Of a part, if it is overwritten, it counts instead of the parts before.
        """
        return self._settled().rpartition(b"\r")[2].decode("utf-8", "replace")

    def _settled(self) -> bytes:
        return self.data if self.more else self.data.rstrip(b"\r")


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines in the form in which they are stored and moved.

    ``data`` is the lines joined by LF, without one at the end. ``marks`` cover them in order:
    their sizes add up to ``last - first + 1``. A block with ``part`` > 0 is one part of the one
    line ``first``; ``more`` says that further parts follow.
    """

    first: int
    last: int
    data: bytes
    marks: tuple[Mark, ...]
    part: int = 0
    more: bool = False

    def lines(self) -> Iterator[Line]:
        """The lines one by one, in order."""
        if self.part:
            mark = self.marks[0]
            yield Line(self.first, mark.time_ms, mark.stream, self.data, self.part, self.more)
            return
        number = self.first
        texts = iter(self.data.split(b"\n"))
        for size, stream, time_ms in self.marks:
            for _ in range(size):
                yield Line(number, time_ms, stream, next(texts))
                number += 1

    def slice(self, first: int, last: int) -> Block:
        """The lines from ``first`` to ``last`` of this block, both included and both in it."""
        if self.part or (first <= self.first and last >= self.last):
            return self
        begin = _line_start(self.data, first - self.first)
        end = len(self.data)
        if last < self.last:
            end = _line_start(self.data, last - first + 1, begin) - 1
        data = self.data[begin:end]
        marks: list[Mark] = []
        start = self.first
        for mark in self.marks:
            end = start + mark.size - 1
            size = min(end, last) - max(start, first) + 1
            if size > 0:
                marks.append(mark._replace(size=size))
            start = end + 1
        return Block(first, last, data, tuple(marks))


class Gap(NamedTuple):
    """Lines ``first`` to ``last`` that are no longer kept."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class LogPage:
    """Consecutive blocks and where to go on.

    ``next`` is the cursor for the following page. ``first`` and ``last`` are the numbers of the
    first line still kept and of the last one there is (0 while there is none). ``eof`` says that
    the task is final and nothing follows after this page. ``gaps`` tells which lines of the span
    that this page covers are no longer kept.
    """

    blocks: tuple[Block, ...]
    next: Cursor
    first: int
    last: int
    eof: bool
    gaps: tuple[Gap, ...] = ()

    def lines(self) -> Iterator[Line]:
        """All lines of the page, in order."""
        for block in self.blocks:
            yield from block.lines()


def _line_start(data: bytes, skip: int, start: int = 0) -> int:
    """Where a line begins that has ``skip`` others between ``start`` and itself.

    Found by halving: no line becomes an object, and most of the data is only counted.
    """
    low, high = start, len(data)
    while skip and high - low > _NEAR_BYTES:
        middle = (low + high) // 2
        ends = data.count(b"\n", low, middle)
        if ends >= skip:
            high = middle
        else:
            skip -= ends
            low = middle
    for _ in range(skip):
        low = data.index(b"\n", low) + 1
    return low


_LEVELS = re.compile(
    r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3} (?:SYSTEM-)?(ERROR|WARN|INFO) ", re.ASCII
)


def classify(text: str) -> Level | None:
    """The level that the line itself states, or None if it states none.

    Of several statements in a line the gravest counts.
    """
    found = set(_LEVELS.findall(text))
    for level in Level:
        if level.value.upper() in found:
            return level
    return None
