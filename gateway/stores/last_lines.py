"""The last lines of a file, read from its end."""

from __future__ import annotations

from typing import BinaryIO

__all__ = ["last_lines"]

_PIECE = 64 * 1024


def last_lines(file: BinaryIO, size: int, lines: int, most_bytes: int) -> bytes:
    """The last so many lines of the first ``size`` bytes, whole ones, and no more than fit.

    A last line that is longer than ``most_bytes`` is cut at its beginning.
    """
    found = b""
    at = size
    # The end of the last line is no beginning of another one.
    while at > 0 and len(found) <= most_bytes and found.count(b"\n", 0, -1) < lines:
        start = max(0, at - _PIECE)
        file.seek(start)
        found = file.read(at - start) + found
        at = start
    begin = len(found)
    for _ in range(lines):
        begin = found.rfind(b"\n", 0, max(begin - 1, 0)) + 1
        if begin == 0:
            break
    if len(found) - begin > most_bytes:
        begin = len(found) - most_bytes
        following = found.find(b"\n", begin - 1, -1)
        begin = begin if following < 0 else following + 1
    return found[begin:]
