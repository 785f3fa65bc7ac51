"""The line index: from a line's number to a place in the recorded output near it.

A file of points, four u64 each (line, offset, bytes to skip on stdout and on stderr), in order. It
is a cache: without it, or with a torn or old one, everything is found by reading more, and nobody
may rely on it for anything but speed. Written by one process, read by any.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from struct import Struct

from engines.closeable import Closeable
from engines.lines import START, Point

__all__ = ["IndexWriter", "find_point"]

_POINT = Struct("<QQQQ")


class IndexWriter(Closeable):
    """Appends points to the index of one run; a torn end left by a crash is cut off first.

    Args:
        path: the index file, made if it is missing.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(path, flags, 0o600)
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


def find_point(path: str | os.PathLike[str], line: int) -> Point:
    """The last point of an index file that is not behind ``line``; START if there is none.

    The caller checks that the point fits the output: an index may be older or newer than it.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return START
    try:
        low, high = 0, os.fstat(fd).st_size // _POINT.size
        best = START
        while low < high:
            middle = (low + high) // 2
            point = _read(fd, middle)
            if point.line <= line:
                best = max(best, point)
                low = middle + 1
            else:
                high = middle
    finally:
        os.close(fd)
    return best


def _read(fd: int, number: int) -> Point:
    data = os.pread(fd, _POINT.size, number * _POINT.size)
    return Point(*_POINT.unpack(data)) if len(data) == _POINT.size else START
