"""Whether what is kept of an ended run's output is what its shim recorded.

Reads all of it, in bounded pieces. Must never write or repair anything.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator

from engines.rundir.archive import ARCHIVE, Archive, Damaged
from engines.rundir.directory import OUTPUT, RunDir
from engines.rundir.facts import Exit
from engines.rundir.holes import HOLE
from engines.rundir.plain_files import open_plain

__all__ = ["verify"]

_READ_BYTES = 1 << 20


def verify(run: RunDir) -> int:
    """The bytes that were read and are as they were written.

    Raises:
        Damaged: they are not, or the ending cannot be read.
        FileNotFoundError: the run is gone, or has not ended.
    """
    end = run.exit()
    if end is None:
        raise FileNotFoundError(run.path)
    if end.reason == "exit_unreadable":
        raise Damaged(end.message)
    # Looked for twice, because one takes the other's place at any moment.
    for name in (ARCHIVE, OUTPUT, ARCHIVE):
        try:
            fd = open_plain(run.file(name))
        except FileNotFoundError:
            continue
        try:
            return _archive(fd, end, run) if name == ARCHIVE else _output(fd, end, run)
        finally:
            os.close(fd)
    if end.bytes and os.path.isdir(run.path):  # noqa: PTH112 - as the run directory does it
        raise Damaged(f"the output of {end.bytes} bytes is missing")
    return 0


def _archive(fd: int, end: Exit, run: RunDir) -> int:
    archive = Archive(fd)
    size, checksum = _summed(archive.contents())
    return _compared(archive.size, size, checksum, end, run)


def _output(fd: int, end: Exit, run: RunDir) -> int:
    size = os.fstat(fd).st_size
    if size != end.bytes:
        return _compared(size, size, end.checksum, end, run)
    size, checksum = _summed(iter(lambda: os.read(fd, _READ_BYTES), b""))
    return _compared(size, size, checksum, end, run)


def _summed(pieces: Iterator[bytes]) -> tuple[int, int]:
    size = checksum = 0
    for piece in pieces:
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return size, checksum


def _compared(length: int, size: int, checksum: int, end: Exit, run: RunDir) -> int:
    """Holds it against the ending, as far as that knows: a lost run's knows nothing of it."""
    if end.bytes and length != end.bytes:
        raise Damaged(f"the output has {length} bytes and not {end.bytes}")
    holed = os.path.lexists(run.file(HOLE))
    if end.bytes and not holed and size != end.bytes:
        raise Damaged(f"the archive holds {size} of {end.bytes} bytes")
    if end.checksum and not holed and checksum != end.checksum:
        raise Damaged("the output is not what was recorded: its checksum differs")
    return size
