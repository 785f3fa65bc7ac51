"""Brings a run's recorded output to the hot log, line for line, and never further than recorded.

The run directory is the truth, and the hot log says itself how far it has come. So the mirror keeps
no place of its own: at the start, after a gap and after a loss it asks where the log ends, goes to
that line through the sparse index and splits on. Appending twice is harmless, since the log leaves
out what it has. One turn is a bounded piece, so that a run at full speed takes its share and no
more. The mirror also writes the sparse index, which is a cache and can be made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any, Protocol, TypeVar, cast

from engines.rundir.directory import INDEX, RunDir
from engines.rundir.index import IndexWriter, find_point
from engines.rundir.lines import Block as RecordedBlock
from engines.rundir.lines import Point, Splitter
from engines.rundir.output import Output
from engines.rundir.records import ERR
from gateway.journal import journal
from gateway.stores.blocks import from_engine
from gateway.stores.errors import LogGap
from gateway.stores.logs import LogStore
from protocol.logs import Block, Cursor, Line, Stream
from protocol.tasks import TaskId

__all__ = ["Mirror", "Telling", "both"]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
_journal = journal(__name__)

_TURN_BYTES = 256 * 1024
_GLIMPSE_BYTES = 4096
_INLINE_BYTES = 32 * 1024
"""Up to here the file is read on the loop: it was written a moment ago and is in memory."""


class Telling(Protocol[R_co]):
    """Tells where a log ends."""

    def __call__(self, last: int, *, sent: bool) -> Coroutine[Any, Any, R_co]:
        """Tells the number of the last line.

        ``sent`` says that the end of the log is on its way: it must be refused if it is not there.
        """
        ...


class Mirror:
    """The way of one run's output to the hot log; one at a time for each run.

    ``hot_bytes`` is how much of the log is kept there: if nothing of a longer log is, only its end
    is brought.
    """

    def __init__(
        self, run: RunDir, task_id: TaskId, epoch: int, logs: LogStore, hot_bytes: int
    ) -> None:
        self._run = run
        self._task_id = task_id
        self._epoch = epoch
        self._logs = logs
        self._hot_bytes = hot_bytes
        self._splitter: Splitter | None = None
        self._blocks: list[Block] = []
        self._following = 1
        self._done = False

    @property
    def offset(self) -> int:
        """Up to where the output is read."""
        return self._splitter.offset if self._splitter else 0

    def open_line(self) -> Line | None:
        """What stands on the line that has not ended, as far as the output is read."""
        found = self._splitter.open_line(_GLIMPSE_BYTES) if self._splitter else None
        if found is None:
            return None
        stream = Stream.ERR if found.stream == ERR else Stream.OUT
        return Line(found.line, found.time_ms, stream, found.data, found.part)

    def fresh(self) -> None:
        """Takes it as known that nothing was recorded so far: the run is being started now."""
        if self._splitter is None:
            self._splitter = Splitter()

    async def turn(self) -> int:
        """Mirrors the next piece; returns how many bytes were read, 0 at the end of what there is.

        Raises GatewayError; the next turn then goes on with the same piece.
        """
        size = self._run.output_size()
        if self._splitter is None and not size:
            return 0  # a silent run is not worth a question: many are found at a start
        splitter = await self._ready()
        waiting = size - splitter.offset
        if waiting <= 0:
            return 0
        before = splitter.offset
        if waiting <= _INLINE_BYTES:
            blocks = self._read(splitter)
        else:
            blocks = await asyncio.to_thread(self._read, splitter)
        self._blocks.extend(map(from_engine, blocks))
        await self._append()
        self._note(splitter.take_points())
        return splitter.offset - before

    async def finish(self, tell: Telling[R]) -> R:
        """Mirrors all that is left of a run that has ended, and tells where its log does.

        If what is left is short it is sent and told in one go.
        """
        splitter = await self._ready()
        while self._run.output_size() - splitter.offset > _INLINE_BYTES:
            if not await self.turn():
                break  # what follows is no record of ours
            splitter = await self._ready()
        if not self._done:
            before = -1
            while splitter.offset != before:
                before = splitter.offset
                self._blocks.extend(map(from_engine, self._read(splitter)))
            self._blocks.extend(map(from_engine, splitter.finish()))
            self._done = True
            self._note(splitter.take_points())
        if self._is_plain(splitter.last):
            return await both(self._append(), tell(splitter.last, sent=True))
        await self._append()
        await self._skip(splitter.last + 1)
        return await tell(splitter.last, sent=False)

    def _is_plain(self, last: int) -> bool:
        """Whether the blocks that are left follow the log and are all of it up to its last line."""
        blocks = self._blocks
        if not blocks or blocks[0].first > self._following or _consecutive(blocks) < len(blocks):
            return False
        return blocks[-1].last == last and not blocks[-1].more

    async def _ready(self) -> Splitter:
        """The splitter, at the place after what the log holds, with nothing left to append."""
        if self._splitter is None:
            self._splitter = await self._seek()
        await self._append()
        return self._splitter

    async def _append(self) -> None:
        while self._blocks:
            await self._skip(self._blocks[0].first)
            count = _consecutive(self._blocks)
            try:
                await self._logs.append(self._task_id, self._epoch, self._blocks[:count])
            except LogGap:
                # Redis lost the end of what it had: from there again.
                self.rewind()
                raise
            end = self._blocks[count - 1]
            self._following = end.last if end.more else end.last + 1
            self._blocks = self._blocks[count:]

    async def _skip(self, line: int) -> None:
        """Has the log go on at a line if the ones before it are not kept."""
        if line > self._following:
            await self._logs.begin(self._task_id, self._epoch, line - 1, anew=True)
            self._following = line

    def rewind(self) -> None:
        """Forgets the place: the next turn asks the log where it ends."""
        self._splitter = None
        self._blocks = []
        self._done = False

    async def _seek(self) -> Splitter:
        """A splitter at the line where the log goes on, or a little before it."""
        place = await self._logs.last(self._task_id)
        line = place.line
        if place == Cursor(1) and self._run.output_size() > self._hot_bytes:
            line = await asyncio.to_thread(self._hot_line)
            if line > 1:
                await self._logs.begin(self._task_id, self._epoch, line - 1)
        self._following = line
        if self._run.output_size() <= _INLINE_BYTES:
            return self._splitter_at(line)
        return await asyncio.to_thread(self._splitter_at, line)

    def _hot_line(self) -> int:
        """Where a window begins that holds about the end of the output, if the index knows it."""
        size = self._run.output_size()
        surplus = size - self._hot_bytes
        if surplus <= 0:
            return 1
        known = find_point(self._run.file(INDEX), 1 << 63)
        # Lines are about as long in one part of an output as in another: exact it need not be.
        return max(known.line * min(surplus, known.offset) // max(known.offset, 1), 1)

    def _splitter_at(self, line: int) -> Splitter:
        with Output(self._run) as output:
            return output.splitter(line)

    def _note(self, points: list[Point]) -> None:
        """Writes index points; a disk that refuses costs readers time and nothing else."""
        if not points:
            return
        try:
            with IndexWriter(self._run.file(INDEX)) as index:
                index.append(points)
        except OSError as error:
            _journal.warning("index not written", run=self._task_id, error=error.strerror)

    def _read(self, splitter: Splitter) -> list[RecordedBlock]:
        with Output(self._run) as output:
            return output.feed(splitter, _TURN_BYTES) or []


async def both(first: Coroutine[Any, Any, object], second: Coroutine[Any, Any, R]) -> R:
    """Does two things at once, the calls of the first before those of the second.

    Both have ended when this returns, or raises what went wrong with the first, or the second.
    """
    one, other = await asyncio.gather(first, second, return_exceptions=True)
    if isinstance(one, BaseException):
        raise one
    if isinstance(other, BaseException):
        raise other
    return cast("R", other)


def _consecutive(blocks: list[Block]) -> int:
    """How many of the blocks follow one another without a line missing between."""
    for count, (one, other) in enumerate(pairwise(blocks), 1):
        if other.first > one.last + 1 or (one.more and other.first > one.last):
            return count
    return len(blocks)
