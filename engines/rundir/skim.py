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
from engines.rundir.lines import Point
from engines.rundir.output import Output
from engines.rundir.records import ERR, GAP, OUT

__all__ = ["Skim"]

_STRETCH_BYTES = 1 << 18
_READ_BYTES = 1 << 18
_MOST_AHEAD = 1 << 20
"""A line that stays open for longer than this many bytes is waited for by whoever reads lines."""


class Skim(Closeable):
    """Looks for one text in one run. Blocks, and is for one thread at a time.

    Args:
        run: the run directory.
        text: what is looked for, in lower case with ``ignore_case``; no line end is in it.
        ignore_case: whether ASCII letters are alike in both cases.
    """

    def __init__(self, run: RunDir, text: bytes, *, ignore_case: bool) -> None:
        self._text = text
        self._ignore_case = ignore_case
        self._output = Output(run)
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
        begin = points.at(line)
        end = points.behind(begin, _STRETCH_BYTES)
        if end is None or end.line <= line:
            return line, True
        found = self._bytes(begin, end)
        return end.line, found is None or any(map(self._holds, found))

    def before(self, line: int, size: int) -> int:
        """A line about ``size`` bytes of output before another one; 0 if nobody knows."""
        points = self._points
        if points is None:
            return 0
        end = points.at(line)
        if points.behind(end, 0) is None:
            return 0  # what follows the last point may be of any size
        return points.before(end, size).line

    def _holds(self, data: bytes) -> bool:
        return self._text in (data.lower() if self._ignore_case else data)

    def _bytes(self, begin: Point, end: Point) -> tuple[bytes, bytes] | None:
        """What the two streams say from one point to another; None if that cannot be said."""
        if end.skip_out + end.skip_err > _MOST_AHEAD:
            return None
        said: dict[int, list[bytes]] = {OUT: [], ERR: []}
        offset = begin.offset
        # Of the records from the end's offset on only so many bytes belong to lines before it.
        left = {OUT: end.skip_out, ERR: end.skip_err}
        while offset < end.offset or any(left.values()):
            room = end.offset - offset if offset < end.offset else _READ_BYTES
            chunk = self._output.read(offset, min(room, _READ_BYTES))
            if chunk.jumped or not chunk.records:
                return None
            if any(record.kind == GAP for record in chunk.records):
                return None
            if offset < end.offset < chunk.end:
                return None  # no record begins where the index says so
            for kind, _, data in chunk.records:
                if offset < end.offset:
                    said[kind].append(data)
                elif left[kind]:
                    said[kind].append(data[: left[kind]])
                    left[kind] = max(0, left[kind] - len(data))
            offset = chunk.end
        out, err = (b"".join(said[kind]) for kind in (OUT, ERR))
        return out[begin.skip_out :], err[begin.skip_err :]
