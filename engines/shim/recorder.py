"""Writes what a run says to its output file, and knows truthfully what is not kept.

A full disk loses output, never the run: what was not written is counted, and a gap record says so
before the next one that fits. With a cap the head is kept and as much of the newest as the cap has
room for: all is written as it comes, so that live readers miss nothing, and the middle is given
back to the disk. Either way lines keep their true numbers, because a tally follows. The shim
imports this file: standard library only.
"""

from __future__ import annotations

import contextlib
import os
import zlib

from engines.rundir.holes import HOLE, Hole, encode_hole, punch
from engines.rundir.records import ERR, GAP, OUT, Gap, Record, encode_gap, header
from engines.shim.tally import Tally

__all__ = ["Recorder"]

_TAIL_SHARE = 4
_KEPT_SHARE = 0.75
"""How much of the tail stays when it is cut: a cut costs, so not every read may need one."""
_LAG_BYTES = 64 << 20
"""Output that is no longer than this is not tallied at all unless the disk refuses it."""
_STEP_BYTES = 1 << 18
_PAGE = 4096
_PIECE_BYTES = 1 << 16
"""The longest record: what a pipe gives at once, so a page of a log holds at least one."""


class Recorder:
    """The only writer of one output file.

    Args:
        path: the file; what it held before is not a run's and goes.
        max_bytes: how much of the disk it may take, 0 for any amount.

    Attributes:
        size: how long the file is, what was taken out of it included.
        dropped: bytes of output that are not kept.
        refused_line: the first line of which the disk did not take something, 0 if it took all.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: str, max_bytes: int = 0) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(path, flags, 0o600)
        self._folder = os.path.dirname(path) or "."
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self._folder}/{HOLE}")
        self._tail = max_bytes // _TAIL_SHARE
        self._head = max_bytes - self._tail
        self._capped = max_bytes > 0
        self._lag = min(_LAG_BYTES, self._tail) if self._capped else _LAG_BYTES
        self._begin = -1
        self._end = 0
        self._rear = Tally()
        self._front: Tally | None = None
        self._losing = False
        self._full = False
        self._lost = [0, 0, 0]
        self._gone = 0
        self._sum = 0
        self.size = 0
        self.dropped = 0
        self.refused_line = 0

    @property
    def checksum(self) -> int:
        """CRC-32 of the file, 0 if it has a hole."""
        return 0 if self._end else self._sum

    def add(self, kind: int, time_ms: int, data: bytes) -> None:
        """Records what was read; never fails, and what it cannot keep is counted.

        Text of any length becomes records that a reader takes.
        """
        if len(data) <= _PIECE_BYTES:
            self._add(kind, time_ms, data)
            return
        for start in range(0, len(data), _PIECE_BYTES):
            self._add(kind, time_ms, data[start : start + _PIECE_BYTES])

    def _add(self, kind: int, time_ms: int, data: bytes) -> None:
        parts = [header(kind, time_ms, len(data)), data]
        if self._full or not (
            self._resume(time_ms, parts) if self._losing else self._append(parts)
        ):
            self._lose(Record(kind, time_ms, data))
        elif self._capped:
            self._cap(sum(map(len, parts)))
        elif self.size - self._lag >= self._rear.offset + _STEP_BYTES:
            self._rear.advance(self._fd, self.size - self._lag)

    def end(self, time_ms: int) -> None:
        """Says what is missing at the end, and closes the file."""
        if self._losing and self._front is not None:
            self._append(self._gap(time_ms, self._front.gap() or self._front.finish()))
        os.close(self._fd)

    def _append(self, parts: list[bytes]) -> bool:
        """Appends all or nothing: a reader takes no record before it is whole."""
        wanted = sum(map(len, parts))
        try:
            written = os.pwritev(self._fd, parts, self.size)
        except OSError:
            written = 0
        if written != wanted:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
            return False
        self.size += wanted
        for part in parts:
            self._sum = zlib.crc32(part, self._sum)
        return True

    def _gap(self, time_ms: int, state: Gap) -> list[bytes]:
        data = encode_gap(state._replace(out_bytes=self._lost[OUT], err_bytes=self._lost[ERR]))
        return [header(GAP, time_ms, len(data)), data]

    def _lose(self, record: Record) -> None:
        """Counts a read that is not kept."""
        if not self._losing:
            self._losing = True
            if self._front is None:
                self._front = self._rear.fork()
            self._front.advance(self._fd, self.size)
            self.refused_line = self.refused_line or self._front.line
        if self._front is not None:
            self._front.take([record])
        self._lost[record.kind] += len(record.data)
        self.dropped += len(record.data)

    def _resume(self, time_ms: int, parts: list[bytes]) -> bool:
        """Writes again after a loss, if there is room and no long line is open."""
        state = self._front.gap() if self._front is not None else None
        place = self.size
        if state is None or not self._append(self._gap(time_ms, state) + parts):
            return False
        self._losing = False
        self._lost = [0, 0, 0]
        if self._front is self._rear:
            self._rear, self._front = Tally(place, state), None
            self._gone = 0
        return True

    def _cap(self, added: int) -> None:
        """Sees to it that the file stays below its cap."""
        if self._begin < 0:
            if self.size > self._head:
                self._begin = self.size - added
            elif self.size - self._lag >= self._rear.offset + min(_STEP_BYTES, self._lag):
                self._rear.advance(self._fd, self.size - self._lag)
        if self._begin >= 0 and self.size - max(self._begin, self._end) > self._tail:
            self._shrink()

    def _shrink(self) -> None:
        """Takes the older part of the tail out of the file."""
        rear = self._rear
        if rear.offset <= self._begin:
            rear.advance(self._fd, self._begin)
            rear.out_bytes = rear.err_bytes = 0
        rear.advance(self._fd, self.size - int(self._tail * _KEPT_SHARE))
        while rear.gap() is None and rear.offset < self.size:
            rear.advance(self._fd, rear.offset + 1)
        state = rear.gap()
        if state is not None:
            state = state._replace(out_bytes=rear.out_bytes, err_bytes=rear.err_bytes)
        try:
            self._note(Hole(self._begin, rear.offset, state))
        except OSError:
            # Without a note nothing may go. On a full disk what follows is lost, else it is tried
            # again with the next read, for as long as the file is not far too large.
            self._full = self.size - max(self._begin, self._end) > 2 * self._tail
            return
        self._give_back(rear.offset)
        if state is None:
            # One line is longer than the tail: nothing of it can be kept before it ends.
            self._front = rear
            self._losing = True
        elif self._front is not None and self._front.offset < self._end:
            self._front = None

    def _give_back(self, end: int) -> None:
        """Frees the disk up to the new end of the hole."""
        begin = max(self._begin, self._end - self._end % _PAGE)
        self._end = end
        gone = self._rear.out_bytes + self._rear.err_bytes
        self.dropped += gone - self._gone
        self._gone = gone
        try:
            punch(self._fd, begin, end)
        except OSError:
            # It cannot be made smaller: then nothing more goes into it.
            self._full = True

    def _note(self, hole: Hole) -> None:
        """Makes it durable what is about to go."""
        path = f"{self._folder}/{HOLE}"
        new = f"{self._folder}/.{HOLE}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(new, flags, 0o600)
        try:
            data = encode_hole(hole)
            if os.write(fd, data) != len(data):
                raise OSError("the note was not written as a whole")
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(new, path)
