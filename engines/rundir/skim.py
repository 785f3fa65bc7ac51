"""Passing over stretches of a log that do not hold a text, without splitting them into lines.

Between two points of the index lie whole lines. Their bytes are looked through as they were
recorded, one stream after the other; only a stretch that holds the text, or of which that cannot be
said, is left to whoever reads lines. It must never pass over a line that holds it: where the index
or the records are not as expected, nothing is passed over. No text spans lines.
"""

from __future__ import annotations

from contextlib import suppress

from engines.rundir.closeable import Closeable
from engines.rundir.directory import INDEX, RunDir
from engines.rundir.index import Points
from engines.rundir.lines import START, Point
from engines.rundir.output import Output
from engines.rundir.records import ERR, GAP, OUT, Span, record_spans

__all__ = ["Skim"]

_STRETCH_BYTES = 1 << 18
_HEADERS = 1 << 10
_MOST_BYTES = 1 << 23
_MOST_AHEAD = 1 << 20
"""A line that stays open for longer than this many bytes is left to whoever reads lines."""


class Skim(Closeable):
    """Looks for one text in one run. Blocks, and is for one thread at a time.

    Args:
        run: the run directory.
        text: what is looked for, in lower case with ``ignore_case``; no line end is in it.
        ignore_case: whether ASCII letters are alike in both cases.
    """

    def __init__(self, run: RunDir, text: bytes, *, ignore_case: bool) -> None:
        self._text = text
        self._ignore_case = ignore_case and text.lower() != text.upper()
        self._output = Output(run)
        self._last = START
        self._points: Points | None = None
        with suppress(OSError):
            self._points = Points(run.file(INDEX)).hold()

    def close(self) -> None:
        """Gives the files back."""
        self._output.close()
        if self._points is not None:
            self._points.close()

    def stretch(self, line: int) -> tuple[int, bool]:
        """The next stretch of lines from ``line`` on: the line behind it, and whether to read it.

        False means that none of its lines holds the text. Where nothing is known of what follows,
        the line is ``line`` itself.

        Raises:
            Damaged: it lies in a part of the archive that is not what was written.
        """
        points = self._points
        if points is None or not self._output.open():
            return line, True
        begin = self._last if self._last.line == line else points.at(line)
        end = points.behind(begin, _STRETCH_BYTES)
        if end is None or end.line <= line:
            return line, True
        self._last = end
        return end.line, self._may_hold(begin, end)

    def before(self, line: int, size: int) -> int:
        """A line about ``size`` bytes of output before another one; 0 if nobody knows."""
        points = self._points
        if points is None:
            return 0
        end = points.at(line)
        if points.behind(end, 0) is None:
            return 0  # what follows the last point may be of any size
        return points.before(end, size).line

    def _may_hold(self, begin: Point, end: Point) -> bool:
        """Whether a line from one point to another may hold the text.

        Looks at the records as they lie in the file, and at what meets where one ends: what is
        read is copied once at most.
        """
        size = end.offset - begin.offset
        if size > _MOST_BYTES or end.skip_out + end.skip_err > _MOST_AHEAD:
            return True
        data = self._output.raw(begin.offset, size)
        ahead = self._ahead(end)
        spans, behind = record_spans(data)
        if behind != size or len(data) != size or ahead is None:
            return True  # no record begins where the index says so
        meeting = _Meeting(len(self._text) - 1)
        for block, records in ((data, spans), ahead):
            # Where records lie is known by now: their headers may be changed with the rest.
            said = block.lower() if self._ignore_case else block
            if self._text in said or not meeting.add(said, records):
                return True
        return self._text in meeting

    def _ahead(self, end: Point) -> tuple[bytes, list[Span]] | None:
        """The records behind a point that belong to lines before it; None if nobody can say."""
        ahead = end.skip_out + end.skip_err
        size = ahead + _HEADERS if ahead else 0
        while 0 < size <= _MOST_BYTES:
            data = self._output.raw(end.offset, size)
            spans, behind = record_spans(data)
            left = {OUT: end.skip_out, ERR: end.skip_err, GAP: 0}
            for number, (kind, start, stop) in enumerate(spans):
                left[kind] -= stop - start
                if left[OUT] <= 0 and left[ERR] <= 0:
                    last = stop + min(0, left[kind])
                    return data[:last], [*spans[:number], (kind, start, last)]
            if behind <= len(data):
                return None
            size *= 4
        return None if ahead else (b"", [])


class _Meeting:
    """What stands on both sides of each place where a record of a stream ends and its next begins.

    Args:
        size: how many bytes of a side count.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._sides: dict[int, list[bytes]] = {OUT: [], ERR: []}

    def __contains__(self, text: bytes) -> bool:
        """Whether a text may lie across such a place."""
        return any(text in b"".join(sides) for sides in self._sides.values())

    def add(self, data: bytes, spans: list[Span]) -> bool:
        """Takes the records that follow; False if one is a gap."""
        size = self._size
        for kind, start, stop in spans:
            if kind == GAP:
                return False
            sides = self._sides[kind]
            if stop - start > 2 * size:
                sides.append(data[start : start + size])
                sides.append(data[stop - size : stop])
            else:
                sides.append(data[start:stop])
        return True
