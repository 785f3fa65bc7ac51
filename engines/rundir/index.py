"""The line index: from a line's number to a place in the recorded output near it.

A file of points, four u64 each (line, offset, bytes to skip on stdout and on stderr), in order. It
is a cache: without it, or with a torn or old one, everything is found by reading more, and nobody
may rely on it for anything but speed. Written by one process, read by any.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Self

from engines.rundir.closeable import Closeable
from engines.rundir.lines import START, Point
from engines.rundir.plain_files import open_plain

__all__ = ["IndexWriter", "Points", "find_point"]

_POINT = Struct("<QQQQ")
_MOST_HELD = 1 << 24


class IndexWriter(Closeable):
    """Appends points to the index of one run; a torn end left by a crash is cut off first.

    Args:
        path: the index file, made if it is missing.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._fd = open_plain(os.fspath(path), os.O_RDWR | os.O_CREAT)
        self._count = os.fstat(self._fd).st_size // _POINT.size
        os.ftruncate(self._fd, self._count * _POINT.size)

    def last(self) -> Point:
        """The last point written, START if there is none."""
        return _read(self._fd, self._count - 1) if self._count else START

    def append(self, points: Sequence[Point]) -> None:
        """Writes points that lie behind the last one; those that do not are left out.

        Raises:
            OSError: the disk refused; the index stays as good as it was.
        """
        last = self.last()
        data = b"".join(_POINT.pack(*point) for point in points if point > last)
        if data:
            written = os.pwrite(self._fd, data, self._count * _POINT.size)
            self._count += written // _POINT.size

    def restart(self) -> None:
        """Empties the index, because it does not belong to the output."""
        os.ftruncate(self._fd, 0)
        self._count = 0

    def close(self) -> None:
        """Gives the file back."""
        os.close(self._fd)


class Points(Closeable):
    """The points of an index file, as many as there are when it is opened.

    Args:
        path: the index file.

    Raises:
        OSError: there is none, or the disk refuses.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._fd = open_plain(os.fspath(path))
        self._count = os.fstat(self._fd).st_size // _POINT.size
        self._held = b""

    def hold(self) -> Self:
        """Keeps them in memory, if they are not too many: for who asks often."""
        if self._count * _POINT.size <= _MOST_HELD:
            self._held = os.pread(self._fd, self._count * _POINT.size, 0)
            self._count = len(self._held) // _POINT.size
        return self

    def close(self) -> None:
        """Gives the file back."""
        os.close(self._fd)

    def at(self, line: int) -> Point:
        """The last point that is not behind a line; START if there is none."""
        number = self._first(lambda point: point.line > line)
        return max(START, self._point(number - 1)) if number else START

    def behind(self, point: Point, size: int) -> Point | None:
        """A later point about ``size`` bytes behind one, the next one at least; None for none."""
        following = self._first(lambda other: other > point)
        if following >= self._count:
            return None
        far = self._first(lambda other: _place(other) > _place(point) + size, following)
        return self._point(max(following, far - 1))

    def before(self, point: Point, size: int) -> Point:
        """An earlier point about ``size`` bytes before one; START if it is as near."""
        number = self._first(lambda other: _place(other) > _place(point) - size)
        found = self._point(number - 1) if number else START
        return found if found < point else START

    def _first(self, wanted: Callable[[Point], bool], low: int = 0) -> int:
        """The number of the first point of a kind that all behind it are of as well."""
        high = self._count
        while low < high:
            middle = (low + high) // 2
            if wanted(self._point(middle)):
                high = middle
            else:
                low = middle + 1
        return low

    def _point(self, number: int) -> Point:
        if self._held:
            return Point(*_POINT.unpack_from(self._held, number * _POINT.size))
        return _read(self._fd, number)


def find_point(path: str | os.PathLike[str], line: int) -> Point:
    """The last point of an index file that is not behind ``line``; START if there is none.

    The caller checks that the point fits the output: an index may be older or newer than it.
    """
    try:
        points = Points(path)
    except OSError:
        return START
    with points:
        return points.at(line)


def _place(point: Point) -> int:
    """About where in the output a point is."""
    return point.offset + point.skip_out + point.skip_err


def _read(fd: int, number: int) -> Point:
    data = os.pread(fd, _POINT.size, number * _POINT.size)
    return Point(*_POINT.unpack(data)) if len(data) == _POINT.size else START
