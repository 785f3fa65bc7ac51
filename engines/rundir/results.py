"""Reads the result sets that a run has written; the format and its writer are ``inside.narthex``.

The files belong to the task: every number in them is checked, nothing is followed that is not a
plain file below the run directory, and nothing is unpacked beyond what a chunk may hold. What is
damaged ends the set at that place, like a torn chunk. A page costs the same wherever it lies, and
memory for one chunk. Blocks on the disk; for worker threads.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import stat
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engines.inside.narthex import (
    ABOUT,
    CHUNK_BYTES,
    END,
    ENTRY,
    HEADER,
    INDEX,
    MAGIC,
    MAX_ROW_BYTES,
    MAX_SETS,
    ROWS,
)
from engines.rundir.closeable import Closeable

__all__ = ["RESULTS", "ColumnFact", "ResultReader", "Results", "SetFacts", "Stretch"]

RESULTS = "results"
"""The directory of all result sets, below the run directory."""

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_FOREIGN = frozenset({errno.EACCES, errno.ELOOP, errno.ENOTDIR, errno.ENXIO})
"""What opening says of something that the task put there and that is no file of ours."""
_MAX_FACT_BYTES = 1 << 22
_MAX_PLAIN = MAX_ROW_BYTES + 2 * CHUNK_BYTES
_MAX_MEDIA = 100
_MAX_WHOLE = (1 << 53) - 1
_MAX_STEPS = 100_000
"""Chunks that are looked for on foot: far more than a true index leaves over."""


class ColumnFact(NamedTuple):
    """A column as its writer described it."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True, slots=True)
class SetFacts:
    """What is known of a result set at one moment.

    ``rows`` can be read now; ``size`` is how many bytes they take up. ``complete`` says that the
    writer has ended it as meant. ``reason`` is why rows were left out: ``rows``, ``bytes``,
    ``row``, or empty. ``written_ms`` is when it was last written to (ms, epoch).
    """

    number: int
    kind: str
    columns: tuple[ColumnFact, ...]
    rows: int
    size: int
    complete: bool
    reason: str
    limit: int
    media: tuple[str, ...]
    written_ms: int


class Stretch(NamedTuple):
    """Rows in a row; ``bounded`` says that they end here because the next would be too much."""

    rows: list[list[object]]
    bounded: bool


class _Chunk(NamedTuple):
    """Where a chunk is: its first row, its number of rows, its place and sizes in the file."""

    first: int
    rows: int
    offset: int
    packed: int
    plain: int
    checksum: int

    @property
    def end(self) -> int:
        return self.offset + HEADER.size + self.packed


class Results:
    """The result sets of one run.

    Args:
        path: the directory of all of them.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path

    def numbers(self) -> list[int]:
        """The result sets that have begun, in order. Raises OSError if the disk refuses."""
        try:
            descriptor = os.open(self._path, _FLAGS | os.O_DIRECTORY)
        except OSError as error:
            if _is_absence(error):
                return []
            raise
        try:
            names = os.listdir(descriptor)  # noqa: PTH208 - a descriptor is no path
            numbers = sorted(int(name) for name in names if _is_number(name))[:MAX_SETS]
            return [number for number in numbers if _has(descriptor, f"{number}/{ABOUT}")]
        finally:
            os.close(descriptor)

    def all(self) -> list[SetFacts]:
        """What is known of each, in order. Raises OSError if the disk refuses: never a part."""
        found = []
        for number in self.numbers():
            try:
                with self.open(number) as reader:
                    found.append(reader.facts)
            except FileNotFoundError:
                continue
        return found

    def open(self, number: int) -> ResultReader:
        """One of them, to be read.

        Raises:
            FileNotFoundError: there is no such one, or it is not one of ours.
            OSError: the disk refuses, which says nothing about what there is.
        """
        folder = -1
        try:
            root = os.open(self._path, _FLAGS | os.O_DIRECTORY)
            try:
                folder = os.open(str(number), _FLAGS | os.O_DIRECTORY, dir_fd=root)
            finally:
                os.close(root)
            return ResultReader(number, folder)
        except OSError as error:
            if _is_absence(error):
                raise FileNotFoundError(f"no result set {number}") from error
            raise
        finally:
            if folder >= 0:
                os.close(folder)


class ResultReader(Closeable):
    """One open result set. What was written later is not seen."""

    def __init__(self, number: int, folder: int) -> None:
        about, end = _fact(folder, ABOUT), _fact(folder, END)
        self._index = -1
        self._rows = _open(folder, ROWS)
        try:
            self._index = _open_if_there(folder, INDEX)
            status = os.fstat(self._rows)
            self._size = status.st_size
            self._entries = 0 if self._index < 0 else os.fstat(self._index).st_size // ENTRY.size
            self._last = self._find_last()
            self.facts = SetFacts(
                number=number,
                kind=_text(about.get("kind")),
                columns=_columns(about.get("columns")),
                rows=self._last.first + self._last.rows,
                size=self._last.end if self._last.rows else 0,
                complete=end.get("complete") is True,
                reason=_text(end.get("reason")),
                limit=_whole(about.get("limit")),
                media=_media(about.get("media")),
                written_ms=status.st_mtime_ns // 1_000_000,
            )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Gives the files back."""
        for descriptor in (self._rows, self._index):
            if descriptor >= 0:
                os.close(descriptor)
        self._rows = self._index = -1

    def read(self, first: int, max_rows: int, max_bytes: int) -> Stretch:
        """Rows from ``first`` on (counted from 0), at most so many and about so many bytes.

        A first row that is too large by itself is left out too: then ``bounded`` is true and there
        are no rows.
        """
        found: list[list[object]] = []
        room = max_bytes
        for chunk in self._chunks(first):
            lines = self._lines(chunk)
            if lines is None:
                break
            for line in lines[max(0, first - chunk.first) :]:
                if len(found) == max_rows:
                    return Stretch(found, bounded=False)
                room -= len(line)
                if room < 0:
                    return Stretch(found, bounded=True)
                row = _row(line)
                if row is None:
                    return Stretch(found, bounded=False)
                found.append(row)
        return Stretch(found, bounded=False)

    def _find_last(self) -> _Chunk:
        """The last whole chunk: by the last entries of the index that are true, then on foot."""
        place = self._entries
        start = _Chunk(0, 0, -HEADER.size, 0, 0, 0)
        while place:
            place -= 1
            known = self._entry(place)
            if known is not None:
                start = known
                break
        last = start
        for chunk in itertools.islice(self._walk(start), _MAX_STEPS):
            last = chunk
        return last

    def _chunks(self, row: int) -> Iterator[_Chunk]:
        """The chunks from the one that holds a row on."""
        low, high = 0, self._entries
        start = None
        while low < high:
            middle = (low + high) // 2
            known = self._entry(middle)
            if known is not None and known.first <= row:
                start, low = known, middle + 1
            else:
                high = middle
        if start is None:
            start = self._header(0, 0)
        if start is None:
            return
        for chunk in itertools.chain((start,), self._walk(start)):
            if chunk.first + chunk.rows > row:
                yield chunk

    def _walk(self, chunk: _Chunk) -> Iterator[_Chunk]:
        """The whole chunks after one."""
        following = self._header(chunk.first + chunk.rows, max(chunk.end, 0))
        while following is not None:
            yield following
            following = self._header(following.first + following.rows, following.end)

    def _entry(self, place: int) -> _Chunk | None:
        """The chunk that an entry of the index names, if there is one."""
        data = os.pread(self._index, ENTRY.size, place * ENTRY.size)
        if len(data) < ENTRY.size:
            return None
        first, offset = ENTRY.unpack(data)
        return self._header(first, offset) if offset < self._size else None

    def _header(self, first: int, offset: int) -> _Chunk | None:
        """The chunk at an offset, None if there is no whole one."""
        data = os.pread(self._rows, HEADER.size, offset)
        if len(data) < HEADER.size:
            return None
        magic, rows, packed, plain, checksum = HEADER.unpack(data)
        chunk = _Chunk(first, rows, offset, packed, plain, checksum)
        sound = magic == MAGIC and rows and plain <= _MAX_PLAIN and chunk.end <= self._size
        return chunk if sound else None

    def _lines(self, chunk: _Chunk) -> Sequence[bytes] | None:
        """The rows of a chunk as they lie there, None if it is damaged."""
        if chunk.packed > _MAX_PLAIN:
            return None
        packed = os.pread(self._rows, chunk.packed, chunk.offset + HEADER.size)
        if len(packed) < chunk.packed or zlib.crc32(packed) != chunk.checksum:
            return None
        try:
            plain = zlib.decompressobj().decompress(packed, chunk.plain + 1)
        except zlib.error:
            return None
        lines = plain.split(b"\n")
        return lines if len(plain) == chunk.plain and len(lines) == chunk.rows else None


def _fact(folder: int, name: str) -> dict[str, object]:
    """One of the small files; empty if it is not there or makes no sense."""
    descriptor = _open_if_there(folder, name)
    if descriptor < 0:
        return {}
    try:
        size = min(os.fstat(descriptor).st_size, _MAX_FACT_BYTES)
        value = _sound(os.pread(descriptor, size, 0))
    except (ValueError, RecursionError):
        return {}
    finally:
        os.close(descriptor)
    return value if isinstance(value, dict) else {}


def _open(folder: int, name: str) -> int:
    """A plain file of the folder; anything else is as if it were not there."""
    descriptor = os.open(name, _FLAGS, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(name)
    return descriptor


def _open_if_there(folder: int, name: str) -> int:
    """The same, or -1 if it is not there."""
    try:
        return _open(folder, name)
    except OSError as error:
        if _is_absence(error):
            return -1
        raise


def _is_absence(error: OSError) -> bool:
    """Whether an error says that there is nothing of ours, and not that the disk refuses."""
    return isinstance(error, FileNotFoundError) or error.errno in _FOREIGN


def _row(line: bytes) -> list[object] | None:
    try:
        row = _sound(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, list) else None


def _sound(data: bytes) -> object:
    """The value that a JSON text stands for. Raises ValueError, RecursionError."""
    value: object = json.loads(data)
    if b"\\ud" in data.lower():
        # Half a character, which our writer never leaves and nobody could be shown.
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def _columns(value: object) -> tuple[ColumnFact, ...]:
    entries = value if isinstance(value, list) else []
    return tuple(
        ColumnFact(*(_text(entry.get(name)) for name in ColumnFact._fields))
        for entry in entries
        if isinstance(entry, dict)
    )


def _media(value: object) -> tuple[str, ...]:
    entries = value if isinstance(value, list) else []
    return tuple(entry for entry in entries[:_MAX_MEDIA] if isinstance(entry, str))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value <= _MAX_WHOLE else 0


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and str(int(name)) == name


def _has(folder: int, path: str) -> bool:
    try:
        os.stat(path, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if _is_absence(error):
            return False
        raise
    return True
