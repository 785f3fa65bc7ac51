"""The format of recorded output: what the shim appends and everybody else reads.

A record is a header of 16 bytes, little-endian, and the bytes as they were read from the pipe:

    offset  size
    0       4     number of bytes that follow the header
    4       1     kind: 1 stdout, 2 stderr, 3 gap
    5       3     zero
    8       8     time of reading, milliseconds since the epoch

A gap stands where output was not kept, and says how splitting goes on behind it, so that lines keep
their numbers: see ``Gap``. Records are never changed once they are whole. A torn one at the end is
not there yet. The shim imports this file: standard library only.
"""

from __future__ import annotations

import os
from struct import Struct
from typing import NamedTuple

__all__ = [
    "ERR",
    "GAP",
    "HEADER_SIZE",
    "MAX_RECORD",
    "OUT",
    "Gap",
    "Record",
    "Span",
    "decode_gap",
    "encode_gap",
    "header",
    "mend",
    "parse_records",
    "read_records",
    "record_spans",
    "starts_record",
]

OUT = 1
ERR = 2
GAP = 3
HEADER_SIZE = 16
MAX_RECORD = 1 << 20
"""No record is longer; a header that says so is not one."""

_HEADER = Struct("<IBxxxQ")
_GAP = Struct("<QQQQQII")


class Record(NamedTuple):
    """One read from one pipe: ``kind`` is OUT, ERR or GAP."""

    kind: int
    time_ms: int
    data: bytes


Span = tuple[int, int, int]
"""The kind of a record, and where its bytes begin and end in a block of records."""


class Gap(NamedTuple):
    """How much output was not kept at one place, and the state of the lines behind it.

    ``line`` is the number of the next line. ``out_open`` and ``err_open`` are what the lines hold
    that have begun on each stream and not ended, with the times (ms) of their last bytes.
    """

    out_bytes: int = 0
    err_bytes: int = 0
    line: int = 1
    out_ms: int = 0
    err_ms: int = 0
    out_open: bytes = b""
    err_open: bytes = b""


def header(kind: int, time_ms: int, size: int) -> bytes:
    """The header of a record of ``size`` bytes."""
    return _HEADER.pack(size, kind, time_ms)


def encode_gap(gap: Gap) -> bytes:
    """The bytes of a gap's record."""
    *numbers, out_open, err_open = gap
    return _GAP.pack(*numbers, len(out_open), len(err_open)) + out_open + err_open


def decode_gap(data: bytes) -> Gap:
    """What a gap's record says; one that cannot be read says nothing."""
    if len(data) < _GAP.size:
        return Gap()
    out, err, line, out_ms, err_ms, out_size, err_size = _GAP.unpack_from(data)
    middle = _GAP.size + out_size
    if len(data) != middle + err_size:
        return Gap()
    return Gap(out, err, line, out_ms, err_ms, data[_GAP.size : middle], data[middle:])


def read_records(fd: int, offset: int, max_bytes: int = 1 << 18) -> tuple[list[Record], int]:
    """The whole records from ``offset`` on and the offset behind them.

    Reads about ``max_bytes``, or one record if that is longer. No records means that there is
    nothing whole at ``offset`` yet. Uses no file position, so descriptors may be shared.
    """
    data = os.pread(fd, max_bytes, offset)
    if len(data) >= HEADER_SIZE:
        size = HEADER_SIZE + int(_HEADER.unpack_from(data)[0])
        if len(data) < size <= HEADER_SIZE + MAX_RECORD:
            data = os.pread(fd, size, offset)
    records, taken = parse_records(data)
    return records, offset + taken


def parse_records(data: bytes, start: int = 0) -> tuple[list[Record], int]:
    """The whole records in ``data`` from ``start`` on, and the place behind them."""
    records: list[Record] = []
    end = len(data)
    while start + HEADER_SIZE <= end:
        size, kind, time_ms = _HEADER.unpack_from(data, start)
        stop = start + HEADER_SIZE + size
        if stop > end or not _plausible(size, kind):
            break
        records.append(Record(kind, time_ms, data[start + HEADER_SIZE : stop]))
        start = stop
    return records, start


def record_spans(data: bytes) -> tuple[list[Span], int]:
    """Where the records of a block that begins with one lie in it, and the place behind them.

    The block may cut the last one off: its span ends with the block, the place is where the record
    would end. Nothing is copied.
    """
    spans: list[Span] = []
    start, end = 0, len(data)
    while start + HEADER_SIZE <= end:
        size, kind, _ = _HEADER.unpack_from(data, start)
        if not _plausible(size, kind):
            break
        stop = start + HEADER_SIZE + size
        spans.append((kind, start + HEADER_SIZE, stop))
        start = stop
    if start > end:
        spans[-1] = (*spans[-1][:2], end)
    return spans, start


def starts_record(fd: int, offset: int, size: int) -> bool:
    """Whether a record of a file of ``size`` bytes can start at ``offset``."""
    if offset >= size:
        return offset == size
    data = os.pread(fd, HEADER_SIZE, offset)
    if len(data) < HEADER_SIZE:
        return True
    length, kind, _ = _HEADER.unpack(data)
    return _plausible(length, kind)


def mend(fd: int, hole: tuple[int, int] = (0, 0)) -> int:
    """Turns a torn last record into a whole one with the bytes that arrived; the final size.

    For a file that nobody writes any more and whose last writer died in the middle of a write.
    ``hole`` is where records were taken out, from one border to another.
    """
    size = os.fstat(fd).st_size
    offset = hole[1] if not hole[0] else 0
    while offset + HEADER_SIZE <= size:
        length, kind, time_ms = _HEADER.unpack(os.pread(fd, HEADER_SIZE, offset))
        if not _plausible(length, kind):
            break
        if offset + HEADER_SIZE + length > size:
            length = size - offset - HEADER_SIZE
            if kind == GAP or not length:
                break
            os.pwrite(fd, header(kind, time_ms, length), offset)
        offset += HEADER_SIZE + length
        if offset == hole[0]:
            offset = hole[1]
    os.ftruncate(fd, offset)
    return offset


def _plausible(size: int, kind: int) -> bool:
    return OUT <= kind <= GAP and size <= MAX_RECORD
