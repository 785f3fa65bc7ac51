"""The recorded output of one run, for its readers: where its records are and what is behind a hole.

Must never write anything. A run that moves to another directory stays readable through it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

from engines.rundir.archive import ARCHIVE, Archive, Damaged
from engines.rundir.closeable import Closeable
from engines.rundir.directory import INDEX, OUTPUT, RunDir
from engines.rundir.holes import HOLE, Hole, decode_hole
from engines.rundir.index import find_point
from engines.rundir.lines import Block, Point, Splitter
from engines.rundir.plain_files import open_plain
from engines.rundir.records import Gap, Record, read_records, starts_record

__all__ = ["Chunk", "Damaged", "Output"]

_NOTE_BYTES = 1 << 18


class Chunk(NamedTuple):
    """Whole records and the offset behind them.

    ``jumped`` says that what was asked for is not kept: then there are no records, and ``end`` is
    the end of the hole, where lines go on as ``gap`` says, or the first record there does.
    """

    records: list[Record]
    end: int
    jumped: bool = False
    gap: Gap | None = None


class Output(Closeable):
    """A reader of one run's records. Blocks, and is for one thread at a time.

    Args:
        run: the run directory. One without output yet reads as empty.
        sealed: whether its archive counts, if there is one.
    """

    def __init__(self, run: RunDir, *, sealed: bool = True) -> None:
        self._run = run
        self._names = (ARCHIVE, OUTPUT, ARCHIVE) if sealed else (OUTPUT,)
        self._archive: Archive | None = None
        self._fd = -1
        self._folder = -1
        self._hole: Hole | None = None
        self._stamp: tuple[int, int] | None = None

    def close(self) -> None:
        """Gives the files back; reading again opens them again."""
        for fd in (self._fd, self._folder):
            if fd >= 0:
                os.close(fd)
        self._fd = self._folder = -1
        self._archive = None

    def read(self, offset: int, max_bytes: int) -> Chunk:
        """The whole records from ``offset`` on, about ``max_bytes``; none if there are none yet.

        Raises:
            Damaged: they are in a part of the archive that is not what was written.
        """
        if not self.open():
            return Chunk([], offset)
        while True:
            hole = self._known_hole()
            room = max_bytes
            if hole is not None and offset < hole.begin:
                room = min(room, hole.begin - offset)
            elif hole is not None and offset < hole.end:
                return Chunk([], hole.end, jumped=True, gap=hole.gap)
            if self._archive is not None:
                return Chunk(*self._archive.read(offset, room))
            records, end = read_records(self._fd, offset, room)
            # What was noted by now may have been taken out while it was read.
            if self._known_hole() == hole:
                return Chunk(records, end)

    def raw(self, offset: int, size: int) -> bytes:
        """The bytes of the records from ``offset`` on, headers too; fewer where there are no more.

        None of them are from behind a hole.

        Raises:
            Damaged: they are in a part of the archive that is not what was written.
        """
        if not self.open():
            return b""
        while True:
            hole = self._known_hole()
            room = size
            if hole is not None and offset < hole.end:
                room = min(size, max(0, hole.begin - offset))
            if self._archive is not None:
                return self._archive.raw(offset, room)
            data = os.pread(self._fd, room, offset)
            # What was noted by now may have been taken out while it was read.
            if self._known_hole() == hole:
                return data

    def feed(self, splitter: Splitter, max_bytes: int) -> list[Block] | None:
        """Feeds the next records; the lines that end with them, or None if there are none yet."""
        chunk = self.read(splitter.offset, max_bytes)
        if chunk.jumped:
            splitter.jump(chunk.gap or Gap(), chunk.end)
            return []
        return splitter.feed(chunk.records) if chunk.records else None

    def splitter(self, line: int) -> Splitter:
        """A splitter that stands at a line, or before it as near as the index knows.

        If the line is not kept, it stands at the next one that is.
        """
        point = find_point(self._run.file(INDEX), line)
        if not self.open():
            return Splitter()
        hole = self._known_hole()
        if hole is not None and point.offset < hole.end:
            behind = hole.gap is not None and line >= hole.gap.line
            if behind or point.offset >= hole.begin:
                splitter = Splitter(Point(1, hole.begin))
                splitter.jump(hole.gap or Gap(), hole.end)
                return splitter
        if self._archive is not None:
            return Splitter(point) if point.offset <= self._archive.size else Splitter()
        fits = starts_record(self._fd, point.offset, os.fstat(self._fd).st_size)
        return Splitter(point) if fits else Splitter()

    def open(self) -> bool:
        """Opens the files, which reading does by itself; False if there are none yet."""
        if self._fd >= 0:
            return True
        with suppress(FileNotFoundError):
            self._folder = os.open(self._run.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            # Looked for twice, because one takes the other's place at any moment.
            for name in self._names:
                with suppress(FileNotFoundError):
                    self._fd = open_plain(name, dir_fd=self._folder)
                    if name == ARCHIVE:
                        self._archive = self._unsealed()
                    return True
        self.close()
        return False

    def _unsealed(self) -> Archive:
        try:
            return Archive(self._fd)
        except BaseException:
            self.close()
            raise

    def _known_hole(self) -> Hole | None:
        """The hole as it is noted now; what was once noted stays true."""
        try:
            facts = os.stat(HOLE, dir_fd=self._folder, follow_symlinks=False)
            stamp = (facts.st_ino, facts.st_mtime_ns)
            if stamp != self._stamp:
                fd = open_plain(HOLE, dir_fd=self._folder)
                try:
                    self._hole = decode_hole(os.read(fd, _NOTE_BYTES)) or self._hole
                finally:
                    os.close(fd)
                self._stamp = stamp
        except FileNotFoundError:
            pass
        return self._hole
