"""What a task may tell the gateway besides its output: its progress, and results to be paged.

    import narthex

    narthex.progress(0.5)
    narthex.table([("ann", 1), ("bob", None)], columns=["name", ("size", "int")])
    narthex.text("that was all")
    narthex.rich({"text/html": "<b>bold</b>", "text/plain": "bold"})

Outside of the gateway all of this does nothing, so that a script runs anywhere. The file stands
alone but for ``narthex_frames`` beside it: it needs Python 3.8 and its standard library, because
the interpreter is the user's own.

It also is the one place that knows how a result set lies on disk; the gateway reads what is
written here. A result set is a directory, named by its number:

    about   what it is, one JSON object, there before the first row
    rows    chunks: a header (magic, rows, packed and plain size, CRC-32 of what is packed), zlib
    index   the first row and the offset of each chunk, a cache of what the headers say
    end     how it ended, one JSON object; without it the writer is at work, or died

A plain chunk is one JSON array a line, one line a row. None is SQL's NULL. What was written whole
is readable; a torn chunk at the end is as if it were not there. ``table`` has cells; ``text`` has
one cell a row, its line; ``rich`` has rows of media type, encoding ("" or "base64") and content.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import datetime as dt
import decimal
import itertools
import json
import os
import re
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from struct import Struct
from typing import Any

if __package__:
    from engines.inside import narthex_frames
else:
    import narthex_frames  # type: ignore[import-not-found,no-redef,unused-ignore]  # of a task: it lies beside this file

__all__ = ["Table", "progress", "rich", "table", "text"]

ABOUT, ROWS, INDEX, END = "about", "rows", "index", "end"
MAGIC = b"NxR1"
HEADER = Struct("<4sIIII")
ENTRY = Struct("<QQ")
CHUNK_ROWS = 1000
CHUNK_BYTES = 1 << 18
MAX_ROW_BYTES = 1 << 24
MAX_SETS = 10_000

FOLDER_VARIABLE = "NARTHEX_RESULTS"
ROWS_VARIABLE = "NARTHEX_RESULT_ROWS"
BYTES_VARIABLE = "NARTHEX_RESULT_BYTES"
PROGRESS_VARIABLE = "NARTHEX_PROGRESS"

_CHUNK_SECONDS = 1.0
_LEVEL = 1
_TYPES = frozenset(
    {"void", "string", "boolean", "byte", "short", "int", "long", "float", "double", "decimal"}
    | {"date", "timestamp", "binary", "array", "map", "struct"}
)
_SINGLE = frozenset({"float16", "float32"})
_LINE_END = re.compile(r"\r\n|\n|\r")
"""Of a text that is shown; a form feed or another separator of Unicode ends no line."""
_reported = ["", ""]


class Table:
    """A result set that is being written, row by row.

    Args:
        columns: for each its name, or a pair of name and type, or these and a comment. Without a
            type it is that of the first rows.
        limit: the most rows that are kept, 0 for any number, None for what the gateway says. More
            rows are left out and the table is marked as truncated.
        folder: the directory of all result sets, if not the one that the gateway names.
        kind: ``table``, ``text`` or ``rich``.

    What is still in memory is written when the table is closed or a second has passed; leaving
    its ``with`` block by an error leaves it incomplete.
    """

    def __init__(
        self,
        columns: Iterable[str | Sequence[str]],
        limit: int | None = None,
        folder: str | os.PathLike[str] | None = None,
        kind: str = "table",
        max_bytes: int | None = None,
    ) -> None:
        self._columns = [_column(column) for column in columns]
        self._kind = kind
        self._limit = _number(ROWS_VARIABLE) if limit is None else max(0, int(limit))
        self._lines: list[str] = []
        self._cells: list[tuple[object, ...]] = []
        self._size = 0
        self._since = 0.0
        self._rows = 0
        self._kept = 0
        self._offset = 0
        self._cut = ""
        self._folder: Path | None = None
        self._fd = self._index = -1
        root = os.environ.get(FOLDER_VARIABLE, "") if folder is None else os.fspath(folder)
        if root:
            budget = _number(BYTES_VARIABLE) if max_bytes is None else max_bytes
            self._room = budget - _used(Path(root)) if budget else 0
            self._capped = budget > 0
            self._folder = _new_folder(Path(root))
            self._pid = os.getpid()
            atexit.register(self._leave)

    def __enter__(self) -> Table:  # noqa: PYI034 - Self is younger than what a user may have
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close(complete=kind is None)

    @property
    def number(self) -> int:
        """Its number among the result sets of the task, -1 if it is not kept or closed."""
        return int(self._folder.name) if self._folder else -1

    @property
    def truncated(self) -> bool:
        """Whether rows were left out; more need not be added."""
        return bool(self._cut)

    def add(self, row: Iterable[object]) -> None:
        """Adds one row: as many cells as there are columns, None for NULL."""
        if not self._folder or self._cut:
            return
        row = tuple(row)
        cells = [_cell(value) for value in row]
        if len(cells) != len(self._columns):
            raise ValueError(
                f"the row has {len(cells)} cells, the table {len(self._columns)} columns"
            )
        if self._limit and self._rows >= self._limit:
            self._cut = "rows"
            return
        line = json.dumps(cells, ensure_ascii=False, separators=(",", ":"))
        if len(line) > MAX_ROW_BYTES // 4 and len(line.encode("utf-8", "replace")) > MAX_ROW_BYTES:
            self._cut = "row"
            return
        now = time.monotonic()
        if not self._lines:
            self._since = now
        if not self._offset:
            self._cells.append(row)
        self._lines.append(line)
        self._size += len(line)
        self._rows += 1
        full = len(self._lines) >= CHUNK_ROWS or self._size >= CHUNK_BYTES
        if full or now - self._since >= _CHUNK_SECONDS:
            self.flush()

    def extend(self, rows: Iterable[Iterable[object]]) -> None:
        """Adds rows until there are no more, or no more are kept."""
        for row in rows:
            self.add(row)
            if self._cut:
                return

    def flush(self) -> None:
        """Writes what is still in memory; from then on it can be read."""
        if not self._folder:
            return
        if self._fd < 0:
            self._begin(self._folder)
        if not self._lines or self._cut == "bytes":
            return
        plain = "\n".join(self._lines).encode("utf-8", "replace")
        packed = zlib.compress(plain, _LEVEL)
        if self._capped and self._offset + HEADER.size + len(packed) > self._room:
            self._cut = "bytes"
            return
        head = HEADER.pack(MAGIC, len(self._lines), len(packed), len(plain), zlib.crc32(packed))
        _write(self._fd, head + packed, self._offset)
        with contextlib.suppress(OSError):
            os.write(self._index, ENTRY.pack(self._kept, self._offset))
        self._kept += len(self._lines)
        self._offset += len(head) + len(packed)
        self._lines, self._cells, self._size = [], [], 0

    def close(self, *, complete: bool = True) -> None:
        """Writes the rest and says how it ended; a second time does nothing."""
        if not self._folder:
            return
        try:
            self.flush()
            end = {
                "rows": self._kept,
                "bytes": self._offset,
                "complete": bool(complete),
                "truncated": bool(self._cut),
                "reason": self._cut,
            }
            _state(self._folder, END, end)
        finally:
            self._forget()

    def _begin(self, folder: Path) -> None:
        columns = [
            {"name": name, "type": kind or _guess(place, self._cells), "comment": comment}
            for place, (name, kind, comment) in enumerate(self._columns)
        ]
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._fd = os.open(folder / ROWS, flags, 0o600)
        self._index = os.open(folder / INDEX, flags | os.O_APPEND, 0o600)
        media = [row[0] for row in self._cells] if self._kind == "rich" else []
        about = {"kind": self._kind, "columns": columns, "limit": self._limit, "media": media}
        _state(folder, ABOUT, about)

    def _leave(self) -> None:
        """The interpreter ends and nobody closed the table: what there is stays readable."""
        if os.getpid() == self._pid:  # and not a fork of the writer
            with contextlib.suppress(OSError):
                self.close(complete=False)

    def _forget(self) -> None:
        self._folder = None
        for fd in (self._fd, self._index):
            if fd >= 0:
                os.close(fd)
        self._fd = self._index = -1
        atexit.unregister(self._leave)


def table(
    rows: Iterable[Any],
    columns: Iterable[str | Sequence[str]] | None = None,
    limit: int | None = None,
) -> int:
    """Writes a whole table: rows of cells, dictionaries, or a data frame; its number, or -1.

    A frame is one of pandas, polars or Arrow; of pandas it has its index in front if that has
    names or does more than count, unless ``columns`` names the others only. Dictionaries may have
    different keys.
    """
    columns = None if columns is None else list(columns)
    whole: Iterable[Any]
    frame = read_frame(rows)
    if frame is not None:
        rows, labels = frame.rows, frame.labels
        if columns is None:
            columns = list(frame.columns)
        elif len(columns) == len(frame.columns) - labels:
            rows = (row[labels:] for row in rows)
    rest = iter(rows)
    head = list(itertools.islice(rest, 1))
    if head and isinstance(head[0], dict):
        if columns is None:
            # Rows that are left out name no columns; without a limit all have to be seen first.
            most = _number(ROWS_VARIABLE) if limit is None else max(0, int(limit))
            head += itertools.islice(rest, most) if most else rest
            columns = list(narthex_frames.keys(head))
        names = [_column(column)[0] for column in columns]
        whole = narthex_frames.by_key(itertools.chain(head, rest), names)
    else:
        head = [tuple(row) for row in head]
        if columns is None and not head:
            raise ValueError("a table without rows needs columns")
        whole = itertools.chain(head, rest)
    if columns is None:
        columns = [f"c{place + 1}" for place in range(len(head[0]))]
    with Table(columns, limit) as writer:
        writer.extend(whole)
        return writer.number


def text(content: object) -> None:
    """Writes a text as a result of its own, line for line."""
    lines = _LINE_END.split(str(content))
    with Table([("text", "string")], limit=0, kind="text") as writer:
        writer.extend([line] for line in (lines if lines[-1] else lines[:-1]))


def rich(bundle: Mapping[str, object]) -> None:
    """Writes one thing in several forms: contents, text or bytes, by their media types."""
    columns = [("media", "string"), ("encoding", "string"), ("content", "string")]
    with Table(columns, limit=0, kind="rich") as writer:
        for media, content in bundle.items():
            if isinstance(content, (bytes, bytearray, memoryview)):
                writer.add((media, "base64", base64.b64encode(content).decode()))
            elif isinstance(content, str):
                writer.add((media, "", content))
            else:
                writer.add((media, "", json.dumps(content)))


def progress(fraction: float | None = None, stages: Iterable[Mapping[str, object]] = ()) -> None:
    """Tells how much is done: a fraction from 0 to 1, None if nobody knows, and counted stages.

    A stage is a dictionary: ``id``, ``total``, ``succeeded``, ``failed``, ``running``.
    """
    path = os.environ.get(PROGRESS_VARIABLE, "")
    rounded = None if fraction is None else round(min(max(float(fraction), 0.0), 1.0), 3)
    line = json.dumps({"fraction": rounded, "stages": list(stages)})
    # A session's process works for one task after another, each with a file of its own.
    if not path or [path, line] == _reported:
        return
    _reported[:] = [path, line]
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, line.encode() + b"\n")
        finally:
            os.close(fd)


def _column(column: str | Sequence[str]) -> tuple[str, str, str]:
    """Name, type ("" if it is to be found out) and comment of a column as it was given."""
    if isinstance(column, str):
        return column, "", ""
    name, kind, comment = (*column, "", "")[:3]
    if kind and kind not in _TYPES:
        raise ValueError(f"column {name!r} has no type {kind!r}; types are {sorted(_TYPES)}")
    return str(name), kind, str(comment)


def _plain(value: Any) -> object:  # noqa: ANN401 - of numpy, which may not be here
    """What is meant by a number that numpy has wrapped; anything else as it is."""
    alone = hasattr(value, "dtype") and not getattr(value, "shape", ()) and hasattr(value, "item")
    if not alone:
        return value
    plain = value.item()
    return narthex_frames.single(plain) if str(value.dtype) in _SINGLE else plain


def _cell(value: object) -> object:
    """A value as JSON can say it exactly."""
    value = _plain(value)
    if isinstance(value, (bool, int, float, str)):
        return value
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(name): _cell(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_cell(part) for part in value]
    return str(value)


def read_frame(value: object) -> narthex_frames.Frame | None:
    """The data frame that a value is, None if it is none."""
    return narthex_frames.read(
        value, lambda cells: _guess(0, [(cell,) for cell in cells], "string")
    )


def _guess(place: int, rows: list[tuple[object, ...]], unknown: str = "void") -> str:
    """The type of a column by its cells in the first rows; ``unknown`` if they say nothing."""
    found = {_type(row[place]) for row in rows} - {"void"}
    if len(found) == 1:
        return found.pop()
    if found and found <= {"long", "double"}:
        return "double"
    return "string" if found else unknown


def _type(value: object) -> str:
    value = _plain(value)
    for kind, word in (
        (bool, "boolean"),
        (int, "long"),
        (float, "double"),
        (str, "string"),
        (decimal.Decimal, "decimal"),
        (dt.datetime, "timestamp"),
        (dt.date, "date"),
        ((bytes, bytearray, memoryview), "binary"),
        (dict, "map"),
        ((list, tuple, set, frozenset), "array"),
    ):
        if isinstance(value, kind):
            return word
    return "void" if _cell(value) is None else "string"


def _number(variable: str) -> int:
    try:
        return max(0, int(os.environ.get(variable, "0")))
    except ValueError:
        return 0


def _used(root: Path) -> int:
    """Bytes that the rows of all result sets take up so far."""
    total = 0
    for path in root.glob(f"*/{ROWS}"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _new_folder(root: Path) -> Path:
    """A directory under the next free number, which nobody else has taken."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = sum(name.isdigit() for name in os.listdir(root))  # noqa: PTH208 - as for _state
    while number < MAX_SETS:
        folder = root / str(number)
        try:
            folder.mkdir(0o700)
        except FileExistsError:
            number += 1
        else:
            return folder
    raise OSError(f"a task has at most {MAX_SETS} result sets")


def _state(folder: Path, name: str, fact: Mapping[str, object]) -> None:
    """Puts a small file in place as a whole."""
    fresh = f"{folder}/{name}.new"
    with open(fresh, "wb") as file:  # noqa: PTH123 - pathlib takes longer than the disk does
        file.write(json.dumps(fact).encode("ascii"))
    os.replace(fresh, f"{folder}/{name}")  # noqa: PTH105 - as above


def _write(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
