"""The hole in a recorded output that grew beyond its cap: where it is, and how to go on behind it.

The middle of the file is given back to the disk while its offsets stay as they are. The note beside
the file says so, and it is always there before anything is taken out: who reads, and looks at the
note afterwards, knows whether what was read was still whole. Both ends of a hole are borders of
records. The shim imports this file: standard library only.
"""

from __future__ import annotations

import ctypes
import os
import zlib
from struct import Struct
from typing import NamedTuple

from engines.rundir.records import Gap, decode_gap, encode_gap

__all__ = ["HOLE", "Hole", "decode_hole", "encode_hole", "punch"]

HOLE = "hole"
"""The file of a run directory that notes the hole in its output."""

_NOTE = Struct("<8sIQQB")
_MAGIC = b"NXHOLE1\n"
_KEEP_SIZE_PUNCH = 0x01 | 0x02

_libc = ctypes.CDLL(None, use_errno=True)


class Hole(NamedTuple):
    """The records from ``begin`` up to ``end`` are not kept.

    ``gap`` says how lines go on at ``end``; None if only the record there will, which is a gap.
    """

    begin: int
    end: int
    gap: Gap | None


def encode_hole(hole: Hole) -> bytes:
    """The note."""
    data = encode_gap(hole.gap) if hole.gap else b""
    return _NOTE.pack(_MAGIC, zlib.crc32(data), hole.begin, hole.end, bool(hole.gap)) + data


def decode_hole(data: bytes) -> Hole | None:
    """What a note says; None if it cannot be read."""
    if len(data) < _NOTE.size:
        return None
    magic, checksum, begin, end, known = _NOTE.unpack_from(data)
    rest = data[_NOTE.size :]
    if magic != _MAGIC or zlib.crc32(rest) != checksum:
        return None
    return Hole(begin, end, decode_gap(rest) if known else None)


def punch(fd: int, begin: int, end: int) -> None:
    """Gives what a file holds there back to the disk; its size stays.

    Raises:
        OSError: the file system cannot do that.
    """
    offset, length = ctypes.c_longlong(begin), ctypes.c_longlong(end - begin)
    if _libc.fallocate(fd, _KEEP_SIZE_PUNCH, offset, length):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
