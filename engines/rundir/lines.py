"""Records to numbered lines: incremental, exact, and without touching lines one by one.

Only LF ends a line. A line is put together from its own stream and gets its number, from 1, when
it ends; so the numbers are a pure function of the recorded bytes, however they are fed.

A line that grows past MAX_PART gets its number at that moment and comes in parts of MAX_PART bytes,
or up to three fewer so that no character of UTF-8 is cut in two.
While it is open, what the other stream says waits behind it, until it ends, or until MAX_WAITING
bytes wait, or a whole line has waited MAX_WAITING_MS by the times of the records: then the long
line is cut there, and what follows on its stream is a new line. Where output was not kept, what is
said of the lines behind it counts: they have the numbers that they would have anyway, and between
is a jump. No input or output here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from engines.rundir.characters import tail, whole_before
from engines.rundir.records import ERR, GAP, HEADER_SIZE, OUT, Gap, Record, decode_gap

__all__ = ["MAX_PART", "START", "Block", "Mark", "OpenLine", "Point", "Splitter", "line_start"]

MAX_PART = 1 << 16
MAX_WAITING = 1 << 20
MAX_WAITING_MS = 5_000

_BLOCK_BYTES = 1 << 16
_SLICE = 1 << 13
_POINT_LINES = 256
_POINT_BYTES = 1 << 15
_NEAR_BYTES = 256
_STREAMS = (OUT, ERR)


class Mark(NamedTuple):
    """A stretch of ``size`` lines of one stream (1 stdout, 2 stderr) read at one time (ms)."""

    size: int
    stream: int
    time_ms: int


class Block(NamedTuple):
    """Consecutive lines: ``data`` is the lines joined by LF, without one at the end.

    ``marks`` cover the lines in order. A block with ``part`` > 0 is one part of the one line
    ``first``, and ``more`` says that further parts follow; else ``part`` is 0.
    """

    first: int
    last: int
    data: bytes
    marks: tuple[Mark, ...]
    part: int = 0
    more: bool = False


class Point(NamedTuple):
    """Where splitting can start again exactly at a line.

    The records from ``offset`` on are needed, without the first ``skip_out`` bytes of stdout and
    the first ``skip_err`` bytes of stderr in them: those belong to earlier lines.
    """

    line: int = 1
    offset: int = 0
    skip_out: int = 0
    skip_err: int = 0


START = Point()


class OpenLine(NamedTuple):
    """The end of a line that has not ended, with the number and part that it would have now."""

    line: int
    part: int
    stream: int
    time_ms: int
    data: bytes


class _Place(NamedTuple):
    """A record by its offset and the bytes of each stream before it (index 1 and 2)."""

    offset: int
    out: int
    err: int


_NOWHERE = _Place(-1, 0, 0)
"""The place of bytes that no record holds any more."""


class _Waiting(NamedTuple):
    """A record, or the rest of one, that waits behind a long line."""

    stream: int
    time_ms: int
    data: bytes
    place: _Place


def line_start(data: bytes, skip: int, start: int = 0) -> int:
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


class Splitter:
    """Turns the records of one run, fed in order, into blocks of numbered lines.

    Args:
        point: where to start; the first record fed must be the one at ``point.offset``.
    """

    def __init__(self, point: Point = START) -> None:
        self._line = point.line
        self._offset = point.offset
        self._seen = [0, 0, 0]
        self._done = [0, point.skip_out, point.skip_err]
        self._skip = [0, point.skip_out, point.skip_err]
        self._open = [bytearray(), bytearray(), bytearray()]
        nowhere = _Place(point.offset, 0, 0)
        self._place = [nowhere, nowhere, nowhere]
        self._time = [0, 0, 0]
        self._long = 0
        self._part = 0
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._waiting_since: int | None = None
        self._releasing = False
        self._blocks: list[Block] = []
        self._pieces: list[bytes] = []
        self._marks: list[Mark] = []
        self._size = 0
        self._points: list[Point] = []
        self._noted = (point.line, sum(self._done))

    @classmethod
    def resume(cls, point: Point) -> Splitter:
        """A splitter that starts at a point that another one gave."""
        return cls(point)

    @property
    def last(self) -> int:
        """The number of the last line that has one; 0 if there is none."""
        return self._line - 1

    @property
    def offset(self) -> int:
        """The offset of the next record to feed."""
        return self._offset

    def feed(self, records: Iterable[Record]) -> list[Block]:
        """The lines, and parts of a long line, that end with these records, in order."""
        for kind, time_ms, data in records:
            place = _Place(self._offset, self._seen[OUT], self._seen[ERR])
            self._offset += HEADER_SIZE + len(data)
            if kind == GAP:
                self._miss(decode_gap(data), place)
            else:
                self._seen[kind] += len(data)
                rest = self._unskipped(kind, data)
                if rest:
                    self._dispatch(kind, time_ms, rest, place)
            self._note(None)
        return self._take_blocks()

    def finish(self) -> list[Block]:
        """Ends all open lines, stdout's before stderr's: the run has ended, nothing follows."""
        self._end_lines()
        return self._take_blocks()

    def snapshot(self) -> Gap | None:
        """How another splitter can go on from here; None while a long line is open."""
        if self._long:
            return None
        out, err = (bytes(self._open[stream]) for stream in _STREAMS)
        return Gap(0, 0, self._line, self._time[OUT], self._time[ERR], out, err)

    def jump(self, gap: Gap, offset: int) -> None:
        """Goes on behind a gap with the record at ``offset``; what was open is not kept."""
        self._drop()
        self._line = max(self._line, gap.line)
        self._offset = offset
        self._skip = [0, 0, 0]
        opened = ((OUT, gap.out_open, gap.out_ms), (ERR, gap.err_open, gap.err_ms))
        for stream, data, time_ms in opened:
            self._open[stream] += data
            self._seen[stream] += len(data)
            self._time[stream] = time_ms
            self._place[stream] = _NOWHERE

    def point(self) -> Point | None:
        """Where to start again for the next line; None while there is no such place."""
        return None if self._long else self._point(None)

    def take_points(self) -> list[Point]:
        """The points passed since the last call, about every 256 lines or 32 KiB, in order."""
        points, self._points = self._points, []
        return points

    def open_line(self, most: int) -> OpenLine | None:
        """What stands at the end of the line that was written to last, if it has not ended.

        At most the last ``most`` bytes.
        """
        opened = [stream for stream in _STREAMS if self._open[stream]]
        if not opened:
            return None
        stream = max(opened, key=self._time.__getitem__)
        place = (self._line - 1, self._part + 1) if self._long == stream else (self._line, 0)
        return OpenLine(*place, stream, self._time[stream], tail(bytes(self._open[stream]), most))

    def _unskipped(self, stream: int, data: bytes) -> bytes:
        skip = self._skip[stream]
        if not skip:
            return data
        self._skip[stream] = max(0, skip - len(data))
        return data[skip:]

    def _dispatch(self, stream: int, time_ms: int, data: bytes, place: _Place) -> None:
        since = self._waiting_since
        if self._long and since is not None and time_ms - since >= MAX_WAITING_MS:
            self._close(0)
        if self._long not in (0, stream):
            self._wait(_Waiting(stream, time_ms, data, place))
        else:
            self._take(stream, time_ms, data, place)

    def _take(self, stream: int, time_ms: int, data: bytes, place: _Place) -> None:
        """Splits a record in slices, so that there are points inside it too."""
        start = 0
        while start < len(data):
            if self._long == stream:
                start = self._lengthen(stream, time_ms, data, start)
            elif self._long:
                self._wait(_Waiting(stream, time_ms, data[start:], place))
                return
            else:
                start += self._split(stream, time_ms, data[start : start + _SLICE], place)
                if start < len(data):
                    self._note(place)

    def _split(self, stream: int, time_ms: int, piece: bytes, place: _Place) -> int:
        """Takes lines from a slice while no line is long; how many of its bytes it took."""
        begun = self._open[stream]
        cut = piece.rfind(b"\n")
        start = 0
        if begun:
            first = piece.find(b"\n") if cut >= 0 else len(piece)
            if cut < 0 or len(begun) + first > MAX_PART:
                begun += piece[:first]
                self._time[stream] = time_ms
                if len(begun) > MAX_PART:
                    self._lengthen_first(stream)
                return first
            self._add(bytes(begun) + piece[:first], 1, stream, time_ms)
            begun.clear()
            start = first + 1
        if cut >= start:
            self._add(piece[start:cut], piece.count(b"\n", start), stream, time_ms)
            start = cut + 1
        if start < len(piece):
            begun += piece[start:]
            self._place[stream] = place
            self._time[stream] = time_ms
        return len(piece)

    def _lengthen_first(self, stream: int) -> None:
        """Opens a long line: it gets its number now."""
        self._end_block()
        self._long = stream
        self._part = 0
        self._line += 1
        self._emit_parts()

    def _lengthen(self, stream: int, time_ms: int, data: bytes, start: int) -> int:
        """Takes the bytes of the long line from a record; where the rest begins."""
        cut = data.find(b"\n", start)
        stop = cut if cut >= 0 else len(data)
        self._open[stream] += data[start:stop]
        self._time[stream] = time_ms
        self._emit_parts()
        if cut < 0:
            return stop
        self._close(1)
        return cut + 1

    def _emit_parts(self) -> None:
        """Gives out whole parts; at least one byte is always kept for the last one."""
        begun = self._open[self._long]
        start = 0
        while len(begun) - start > MAX_PART:
            end = whole_before(begun, start + MAX_PART)
            self._emit_part(bytes(begun[start:end]), more=True)
            start = end
        del begun[:start]

    def _emit_part(self, data: bytes, *, more: bool) -> None:
        self._part += 1
        self._done[self._long] += len(data)
        mark = Mark(1, self._long, self._time[self._long])
        number = self._line - 1
        self._blocks.append(Block(number, number, data, (mark,), self._part, more))

    def _close(self, feeds: int) -> None:
        """Ends the long line with this many line feeds, and lets in what waits behind it."""
        begun = self._open[self._long]
        self._emit_part(bytes(begun), more=False)
        begun.clear()
        self._done[self._long] += feeds
        self._long = 0
        waiting, self._waiting = self._waiting, []
        self._waiting_bytes = 0
        self._waiting_since = None
        # Inside here the record that ended the line may have a rest that no point knows of.
        outer, self._releasing = self._releasing, True
        for entry in waiting:
            self._dispatch(*entry)
        self._releasing = outer

    def _wait(self, entry: _Waiting) -> None:
        self._waiting.append(entry)
        self._waiting_bytes += len(entry.data)
        if self._waiting_since is None and b"\n" in entry.data:
            self._waiting_since = entry.time_ms
        if self._waiting_bytes >= MAX_WAITING:
            self._close(0)

    def _end_lines(self) -> None:
        while self._long:
            self._close(0)
        for stream in _STREAMS:
            begun = self._open[stream]
            if begun:
                # The line feed that is missing here is not there to be counted as done.
                self._done[stream] -= 1
                self._add(bytes(begun), 1, stream, self._time[stream])
                begun.clear()

    def _miss(self, gap: Gap, place: _Place) -> None:
        """Takes a gap: what it says to be open counts as bytes of its own record."""
        self._drop()
        self._line = max(self._line, gap.line)
        opened = ((OUT, gap.out_open, gap.out_ms), (ERR, gap.err_open, gap.err_ms))
        for stream, data, time_ms in opened:
            self._seen[stream] += len(data)
            rest = self._unskipped(stream, data)
            if rest:
                self._dispatch(stream, time_ms, rest, place)

    def _drop(self) -> None:
        """Forgets all that is open or waits."""
        self._end_block()
        self._long = self._part = 0
        self._waiting = []
        self._waiting_bytes = 0
        self._waiting_since = None
        for stream in _STREAMS:
            self._open[stream].clear()
            self._done[stream] = max(self._done[stream], self._seen[stream])

    def _add(self, data: bytes, count: int, stream: int, time_ms: int) -> None:
        if self._size + len(data) > _BLOCK_BYTES:
            self._end_block()
        self._pieces.append(data)
        self._size += len(data) + 1
        self._line += count
        self._done[stream] += len(data) + 1
        marks = self._marks
        if marks and marks[-1].stream == stream and marks[-1].time_ms == time_ms:
            marks[-1] = Mark(marks[-1].size + count, stream, time_ms)
        else:
            marks.append(Mark(count, stream, time_ms))

    def _end_block(self) -> None:
        if not self._pieces:
            return
        first = self._line - sum(mark.size for mark in self._marks)
        data = b"\n".join(self._pieces)
        self._blocks.append(Block(first, self._line - 1, data, tuple(self._marks)))
        self._pieces = []
        self._marks = []
        self._size = 0

    def _take_blocks(self) -> list[Block]:
        self._end_block()
        blocks, self._blocks = self._blocks, []
        return blocks

    def _note(self, place: _Place | None) -> None:
        """Keeps a point if one is due; ``place`` is the record that is only partly taken."""
        line, done = self._noted
        total = self._done[OUT] + self._done[ERR]
        due = self._line - line >= _POINT_LINES or total - done >= _POINT_BYTES
        if due and self._line > line and not self._long and not self._releasing:
            point = self._point(place)
            if point is not None:
                self._noted = (self._line, total)
                self._points.append(point)

    def _point(self, place: _Place | None) -> Point | None:
        """The point for the next line, from the first record that holds a byte of what is open."""
        places = [self._place[stream] for stream in _STREAMS if self._open[stream]]
        if place is not None:
            places.append(place)
        here = _Place(self._offset, self._seen[OUT], self._seen[ERR])
        start = min(places, default=here)
        if start == _NOWHERE:
            return None
        out, err = self._done[OUT] - start.out, self._done[ERR] - start.err
        return Point(self._line, start.offset, out, err)
