"""Brings a run's recorded output to the hot log, line for line, and never further than recorded.

The run directory is the truth, and the hot log says itself how far it has come. So the mirror keeps
no place of its own: at the start, after a gap and after a loss it asks where the log ends, goes to
that line through the sparse index and splits on. Appending twice is harmless, since the log leaves
out what it has. One turn is a bounded piece, so that a run at full speed takes its share and no
more. The mirror also writes the sparse index, which is a cache and can be made again.
"""

from __future__ import annotations

import asyncio
import os

from engines.index import IndexWriter, find_point
from engines.lines import START, Point, Splitter
from engines.records import Record, read_records, starts_record
from engines.rundir import INDEX, OUTPUT, RunDir
from gateway.journal import journal
from gateway.stores.blocks import from_engine
from gateway.stores.errors import LogGap
from gateway.stores.logs import LogStore
from protocol.logs import Block, Cursor
from protocol.tasks import TaskId

__all__ = ["Mirror"]

_journal = journal(__name__)

_TURN_BYTES = 256 * 1024
_INLINE_BYTES = 32 * 1024
"""Up to here the file is read on the loop: it was written a moment ago and is in memory."""


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
        self._done = False

    @property
    def offset(self) -> int:
        """Up to where the output is read."""
        return self._splitter.offset if self._splitter else 0

    async def turn(self) -> int:
        """Mirrors the next piece; returns how many bytes were read, 0 at the end of what there is.

        Raises GatewayError; the next turn then goes on with the same piece.
        """
        splitter = await self._ready()
        waiting = self._run.output_size() - splitter.offset
        if waiting <= 0:
            return 0
        before = splitter.offset
        if waiting <= _INLINE_BYTES:
            records = self._read(before)
        else:
            records = await asyncio.to_thread(self._read, before)
        self._blocks.extend(map(from_engine, splitter.feed(records)))
        await self._append()
        self._note(splitter.take_points())
        return splitter.offset - before

    async def finish(self) -> int:
        """Mirrors all that is left of a run that has ended; the number of its last line."""
        while await self.turn():
            pass
        splitter = await self._ready()
        if not self._done:
            self._blocks.extend(map(from_engine, splitter.finish()))
            self._done = True
        await self._append()
        return splitter.last

    async def _ready(self) -> Splitter:
        """The splitter, at the place after what the log holds, with nothing left to append."""
        if self._splitter is None:
            self._splitter = await self._seek()
        await self._append()
        return self._splitter

    async def _append(self) -> None:
        if not self._blocks:
            return
        try:
            await self._logs.append(self._task_id, self._epoch, self._blocks)
        except LogGap:
            # Redis lost the end of what it had: from there again.
            self.rewind()
            raise
        self._blocks = []

    def rewind(self) -> None:
        """Forgets the place: the next turn asks the log where it ends."""
        self._splitter = None
        self._blocks = []
        self._done = False

    async def _seek(self) -> Splitter:
        """A splitter at the line where the log goes on, or a little before it."""
        place = await self._logs.last(self._task_id)
        line = place.line
        if place == Cursor(1):
            line = await asyncio.to_thread(self._hot_line)
            if line > 1:
                await self._logs.begin(self._task_id, self._epoch, line - 1)
        point = await asyncio.to_thread(self._find, line)
        return Splitter.resume(point)

    def _hot_line(self) -> int:
        """Where a window begins that holds about the end of the output, if the index knows it."""
        size = self._run.output_size()
        surplus = size - self._hot_bytes
        if surplus <= 0:
            return 1
        known = self._find(1 << 63)
        # Lines are about as long in one part of an output as in another: exact it need not be.
        return self._find(known.line * min(surplus, known.offset) // max(known.offset, 1)).line

    def _find(self, line: int) -> Point:
        """The last point of the index at or before a line that fits the output."""
        point = find_point(self._run.file(INDEX), line)
        try:
            descriptor = os.open(self._run.file(OUTPUT), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return START
        try:
            fits = starts_record(descriptor, point.offset, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)
        return point if fits else START

    def _note(self, points: list[Point]) -> None:
        """Writes index points; a disk that refuses costs readers time and nothing else."""
        if not points:
            return
        try:
            with IndexWriter(self._run.file(INDEX)) as index:
                index.append(points)
        except OSError as error:
            _journal.warning("index not written", run=self._task_id, error=error.strerror)

    def _read(self, offset: int) -> list[Record]:
        try:
            descriptor = os.open(self._run.file(OUTPUT), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            return read_records(descriptor, offset, _TURN_BYTES)[0]
        finally:
            os.close(descriptor)
