"""Reading the log of one run from its directory, live or finished, by line number.

What is read is a pure function of the recorded output; the index only makes it quick. Must never
write anything: any number of readers may look at one run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engines.rundir.archive import Damaged
from engines.rundir.closeable import Closeable
from engines.rundir.directory import RunDir
from engines.rundir.lines import Block, Mark, Splitter, line_start
from engines.rundir.output import Output

__all__ = ["Page", "Replay"]

_READ_BYTES = 1 << 17


class Page(NamedTuple):
    """Consecutive lines, and where to go on.

    ``next_part`` is 0 unless the next thing to read is a further part of line ``next_line``.
    ``at_end`` says that the run has ended and that nothing follows. ``gaps`` are the first and last
    numbers of lines that would be on this page and are not kept.
    """

    blocks: list[Block]
    next_line: int
    next_part: int
    at_end: bool
    gaps: tuple[tuple[int, int], ...] = ()


class Replay(Closeable):
    """A reader of one run's log; keeps its place, so that going on costs only what is new.

    Blocks while it reads the disk, and is for one thread at a time. A run that moves to another
    directory while it is open stays readable through it, but is seen to end only by a new one.

    Args:
        run: the run directory. One without output yet reads as empty.
    """

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._output = Output(run)
        self._ended = False
        self._next = (1, 1)
        self._restart(Splitter())

    def close(self) -> None:
        """Gives the files back; reading again opens them again."""
        self._output.close()

    def read(
        self, line: int = 1, part: int = 0, max_lines: int = 1000, max_bytes: int = 1 << 18
    ) -> Page:
        """The lines from ``line`` on, or from that part of it on.

        Gives at most ``max_lines`` lines (each part of a long line counts as one) and about
        ``max_bytes``, but at least one line if there is one. ``part`` 0 and 1 are the same. An
        empty page of a live run means "not yet". Lines that a run does not have are empty too.
        """
        line, part = max(line, 1), max(part, 1)
        # The order matters: what was said before the ending is in the output when it is seen.
        self._ended = self._ended or self._run.exit() is not None
        if (line, part) != self._next and not self._seek(line, part):
            last = self._splitter.last
            if self._finished and line <= last:
                return Page([], last + 1, 0, at_end=True, gaps=((line, last),))
            return Page([], line, part if part > 1 else 0, self._finished)
        blocks: list[Block] = []
        lines = size = 0
        while lines < max_lines and size < max_bytes and self._fill(obliged=not blocks):
            block = self._pending.pop(0)
            taken, rest = _divide(block, max_lines - lines, max_bytes - size, obliged=not blocks)
            if rest is not None:
                self._pending.insert(0, rest)
            if taken is None:
                break
            blocks.append(taken)
            lines += taken.last - taken.first + 1
            size += len(taken.data) + 1
            self._advance(taken)
        at_end = self._ended and not self._fill(obliged=False) and self._finished
        if at_end:
            self._next = (self._splitter.last + 1, 1)
        number, number_part = self._next
        gaps = _gaps(blocks, line, number)
        return Page(blocks, number, number_part if number_part > 1 else 0, at_end, gaps)

    def last(self) -> int:
        """The number of the last line that has one by now, 0 if there is none."""
        with Replay(self._run) as other:
            other._ended = self._run.exit() is not None
            other._restart(other._output.splitter(1 << 63))
            while other._fill():
                other._pending.clear()
            return other._splitter.last

    def _restart(self, splitter: Splitter) -> None:
        self._splitter = splitter
        self._pending: list[Block] = []
        self._finished = False
        self._next = (splitter.last + 1, 1)

    def _seek(self, line: int, part: int) -> bool:
        """Goes to a line, from the nearest place before it or from here if that is nearer.

        Returns False, and stays before it, if there is no such line by now. Of a line that is not
        kept it goes to the next one that is.
        """
        nearest = self._output.splitter(line)
        if self._finished or self._next > (line, part) or self._next[0] <= nearest.last:
            self._restart(nearest)
        while self._next < (line, part):
            if not self._fill():
                return False
            block = self._pending.pop(0)
            rest = _behind(block, line, part)
            if rest is None:
                self._advance(block)
            else:
                self._pending.insert(0, rest)
                self._next = (rest.first, max(rest.part, 1))
        return True

    def _fill(self, *, obliged: bool = True) -> bool:
        """Makes sure that a block is pending; False if there is none by now.

        ``obliged`` raises Damaged if it lies in a damaged part of the archive.
        """
        while not self._pending and not self._finished:
            try:
                found = self._output.feed(self._splitter, _READ_BYTES)
            except Damaged:
                if obliged:
                    raise
                return False
            if found is not None:
                self._pending = found
                self._splitter.take_points()
            elif self._ended:
                self._pending = self._splitter.finish()
                self._finished = True
            else:
                return False
        return bool(self._pending)

    def _advance(self, block: Block) -> None:
        self._next = (block.first, block.part + 1) if block.more else (block.last + 1, 1)


def _gaps(blocks: Sequence[Block], line: int, end: int) -> tuple[tuple[int, int], ...]:
    """The lines from ``line`` up to ``end`` that are in no block."""
    gaps: list[tuple[int, int]] = []
    for block in blocks:
        if block.first > line:
            gaps.append((line, block.first - 1))
        line = block.first if block.more else block.last + 1
    if end > line:
        gaps.append((line, end - 1))
    return tuple(gaps)


def _behind(block: Block, line: int, part: int) -> Block | None:
    """What of a block is at or behind a line and part; None if nothing is."""
    if block.part:
        return block if (block.first, block.part) >= (line, part) else None
    first = line if part == 1 else line + 1
    if block.last < first:
        return None
    return block if block.first >= first else _slice(block, first, block.last)


def _divide(
    block: Block, max_lines: int, max_bytes: int, *, obliged: bool
) -> tuple[Block | None, Block | None]:
    """Cuts a block to a page's room; ``obliged`` gives one line even if it has none."""
    count = min(block.last - block.first + 1, max_lines)
    if len(block.data) > max_bytes and not block.part:
        end = block.data.rfind(b"\n", 0, max_bytes + 1)
        fitting = block.data.count(b"\n", 0, end) + 1 if end >= 0 else 0
        count = min(count, fitting)
    elif block.part and len(block.data) > max_bytes:
        count = 0
    if not count and not obliged:
        return None, block
    middle = block.first + max(count, 1) - 1
    if middle >= block.last:
        return block, None
    return _slice(block, block.first, middle), _slice(block, middle + 1, block.last)


def _slice(block: Block, first: int, last: int) -> Block:
    """The lines from ``first`` to ``last`` of a block of whole lines, both in it."""
    data = block.data
    begin = line_start(data, first - block.first)
    end = len(data) if last == block.last else line_start(data, last - first + 1, begin) - 1
    marks = []
    start = block.first
    for mark in block.marks:
        size = min(start + mark.size - 1, last) - max(start, first) + 1
        if size > 0:
            marks.append(Mark(size, mark.stream, mark.time_ms))
        start += mark.size
    return Block(first, last, data[begin:end], tuple(marks))
