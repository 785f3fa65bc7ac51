"""Where bytes may be cut without cutting a character of UTF-8 in two. Standard library only.

What is not UTF-8 may be cut anywhere: only bytes that begin a character which would go on behind
the cut are kept together with it.
"""

from __future__ import annotations

__all__ = ["tail", "whole_before"]

_LONGEST = 4
_CONTINUES, _MASK = 0x80, 0xC0


def whole_before(data: bytes | bytearray, end: int) -> int:
    """The last place at or before ``end`` (which is inside the data) that is in no character."""
    for back in range(_LONGEST):
        place = end - back
        if place < 0:
            break
        byte = data[place]
        if byte & _MASK != _CONTINUES:
            return place if _size(byte) > back else end
    return end


def tail(data: bytes, most: int) -> bytes:
    """The last bytes, at most so many, without the end of a character that begins before them."""
    start = max(0, len(data) - most)
    if 0 < start < len(data):
        begun = whole_before(data, start)
        if begun < start:
            start = min(begun + _size(data[begun]), len(data))
    return data[start:]


def _size(byte: int) -> int:
    """How many bytes a character has that begins with this one; 1 for what begins none."""
    if 0xC2 <= byte <= 0xDF:  # noqa: PLR2004 - RFC 3629, as the next two
        return 2
    if 0xE0 <= byte <= 0xEF:  # noqa: PLR2004
        return 3
    if 0xF0 <= byte <= 0xF4:  # noqa: PLR2004
        return 4
    return 1
