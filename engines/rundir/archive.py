"""The sealed output of an ended run: the same records, compressed, with a checksum for each frame.

    magic | frame ... | directory | trailer

A frame is whole records of about 256 KiB, compressed for itself, so any offset costs the reading of
one frame. The directory says of each frame where its records were in the output, where it is here,
its sizes and the CRC-32 of what it holds. An archive is never changed; it has its name only when it
is whole and was read back. Must never be made of an output that somebody may still write.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from engines.rundir.records import HEADER_SIZE, MAX_RECORD, Record, parse_records

__all__ = ["ARCHIVE", "MAGIC", "Archive", "Damaged", "Frame", "closing"]

ARCHIVE = "archive"
"""The file of a run directory that holds the output of an ended run in its sealed form."""

MAGIC = b"NXARCH1\n"
_FRAME = Struct("<QQIII")
_TRAILER = Struct("<8sQQII")
_MAX_FRAME = 4 * MAX_RECORD


class Damaged(Exception):  # noqa: N818 - it says in which state the archive is
    """What is asked for lies in a part of an archive that is not what was written."""


class Frame(NamedTuple):
    """Where a frame's records were, where it is, its sizes there and here, and its checksum."""

    offset: int
    place: int
    packed: int
    size: int
    checksum: int


class Archive:
    """A reader of one archive.

    Args:
        fd: the open file, which is the caller's to close.

    Raises:
        Damaged: it is no archive, or its directory is not what was written.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        size = os.fstat(fd).st_size
        data = os.pread(fd, _TRAILER.size, max(0, size - _TRAILER.size))
        if len(data) != _TRAILER.size:
            raise Damaged("the archive is cut short")
        magic, self._directory, self.size, self._count, checksum = _TRAILER.unpack(data)
        if magic != MAGIC:
            raise Damaged("the archive is cut short")
        if self._directory + self._count * _FRAME.size > size:
            raise Damaged("the directory of the archive is damaged")
        known = os.pread(fd, self._count * _FRAME.size, self._directory)
        if zlib.crc32(known) != checksum:
            raise Damaged("the directory of the archive is damaged")
        self._frames = known
        self._held: tuple[Frame, bytes] | None = None

    def read(self, offset: int, max_bytes: int) -> tuple[list[Record], int]:
        """The whole records from ``offset`` on that are in its frame, and the offset behind them.

        About ``max_bytes``, or one record if that is longer.

        Raises:
            Damaged: the frame is not what was written.
        """
        found = self._find(offset)
        if found is None or not found.offset <= offset < found.offset + found.size:
            return [], offset
        data, start = self._data(found), offset - found.offset
        records, taken = parse_records(data[start : start + max_bytes])
        if not records:
            size = HEADER_SIZE + MAX_RECORD
            records = parse_records(data[start : start + size])[0][:1]
            taken = sum(HEADER_SIZE + len(record.data) for record in records)
        return records, offset + taken

    def raw(self, offset: int, size: int) -> bytes:
        """The bytes of the records from ``offset`` on, of more than one frame where it takes that.

        Raises:
            Damaged: a frame is not what was written.
        """
        parts: list[bytes] = []
        while size > 0:
            found = self._find(offset)
            if found is None or not found.offset <= offset < found.offset + found.size:
                break
            start = offset - found.offset
            part = self._data(found)[start : start + size]
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return b"".join(parts)

    def verify(self) -> int:
        """Reads every frame; how many bytes of records there are. Raises Damaged."""
        return sum(map(len, self.contents()))

    def contents(self) -> Iterator[bytes]:
        """The records of all frames, one frame at a time. Raises Damaged."""
        return (self._data(self._frame(number)) for number in range(self._count))

    def _find(self, offset: int) -> Frame | None:
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            if self._frame(middle).offset <= offset:
                low = middle + 1
            else:
                high = middle
        return self._frame(low - 1) if low else None

    def _frame(self, number: int) -> Frame:
        return Frame(*_FRAME.unpack_from(self._frames, number * _FRAME.size))

    def _data(self, frame: Frame) -> bytes:
        if self._held is None or self._held[0] != frame:
            if frame.size > _MAX_FRAME or frame.packed > _MAX_FRAME:
                raise Damaged("a part of the archive is damaged")
            packed = os.pread(self._fd, frame.packed, frame.place)
            try:
                data = zlib.decompressobj().decompress(packed, frame.size + 1)
            except zlib.error as error:
                raise Damaged("a part of the archive is damaged") from error
            if len(data) != frame.size or zlib.crc32(data) != frame.checksum:
                raise Damaged("a part of the archive is damaged")
            self._held = (frame, data)
        return self._held[1]


def closing(frames: Sequence[Frame], place: int, size: int) -> bytes:
    """What stands at ``place``, behind the frames, for an output of ``size`` bytes."""
    directory = b"".join(_FRAME.pack(*frame) for frame in frames)
    return directory + _TRAILER.pack(MAGIC, place, size, len(frames), zlib.crc32(directory))
