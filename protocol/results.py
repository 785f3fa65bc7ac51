"""Result sets: what a task hands over besides its log, typed and read in pages; and their verbs.

A cell is what JSON can say; None is SQL's NULL. Decimals, dates and times are text, bytes are
base64. Rows count from 0. A text has one cell a row, its line; a rich result has one row for each
form of the same thing: media type, encoding (empty or ``base64``) and content.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable
from dataclasses import dataclass
from enum import StrEnum

from protocol.commands import Command, LogRead
from protocol.media import JsonValue
from protocol.tasks import Task, TaskRef

__all__ = [
    "Column",
    "ColumnType",
    "ExportFormat",
    "ExportResults",
    "Exported",
    "ListResults",
    "ReadResult",
    "ReadWholeLog",
    "ResultKind",
    "ResultList",
    "ResultPage",
    "ResultSet",
    "Row",
    "cell_text",
]

Row = tuple[JsonValue, ...]
"""One row: a cell for each column."""


def cell_text(cell: JsonValue, null: str) -> str:
    """A cell as text: booleans in lower case, what is nested as JSON, ``null`` for NULL."""
    match cell:
        case None:
            return null
        case bool():
            return "true" if cell else "false"
        case str():
            return cell
        case int() | float():
            return str(cell)
        case _:
            return json.dumps(cell, ensure_ascii=False, separators=(",", ":"))


class ResultKind(StrEnum):
    """What a result set holds; a closed set."""

    TABLE = "table"
    TEXT = "text"
    RICH = "rich"


class ColumnType(StrEnum):
    """What the cells of a column mean; a closed set."""

    VOID = "void"
    STRING = "string"
    BOOLEAN = "boolean"
    BYTE = "byte"
    SHORT = "short"
    INT = "int"
    LONG = "long"
    FLOAT = "float"
    DOUBLE = "double"
    DECIMAL = "decimal"
    DATE = "date"
    TIMESTAMP = "timestamp"
    BINARY = "binary"
    ARRAY = "array"
    MAP = "map"
    STRUCT = "struct"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    type: ColumnType
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ResultSet:
    """What is known of a result set at one moment.

    ``rows`` can be read now; while the task runs there may be more later. ``complete`` says that
    it was ended as meant. ``truncated`` says that there were more rows than are kept; ``limit`` is
    how many were wanted at most, 0 for any number. ``size`` is in bytes, as stored. ``media`` are
    the media types of a rich result. ``written_ms`` is when it last grew (ms, epoch).
    """

    number: int
    kind: ResultKind
    columns: tuple[Column, ...]
    rows: int
    size: int
    complete: bool
    truncated: bool
    limit: int
    media: tuple[str, ...] = ()
    written_ms: int = 0


@dataclass(frozen=True, slots=True)
class ResultList:
    """The result sets of a task, by their numbers."""

    task: Task
    results: tuple[ResultSet, ...]


@dataclass(frozen=True, slots=True)
class ListResults(Command[ResultList]):
    """Asks which result sets a task has."""

    task: TaskRef


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Rows of one result set from ``first`` on."""

    task: Task
    result: ResultSet
    first: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class ReadResult(Command[ResultPage]):
    """Asks for rows from ``first`` on, as many as ``max_rows``; 0 for the configured number.

    ``whole`` insists on all of them: if they are more bytes than a page may have it is refused as
    TOO_LARGE; otherwise fewer come, and the reader goes on after the last of them.
    """

    task: TaskRef
    number: int
    first: int = 0
    max_rows: int = 0
    whole: bool = False


class ExportFormat(StrEnum):
    """The files that result sets can be made into."""

    CSV = "csv"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class Exported:
    """A file under way: ``length`` is -1 if it is not known before its end."""

    task: Task
    format: ExportFormat
    length: int
    chunks: AsyncIterable[bytes]


@dataclass(frozen=True, slots=True)
class ExportResults(Command[Exported]):
    """Asks for a result set as a file; ``number`` None is all of them, a sheet for each.

    CSV takes one only. ``null`` stands for NULL. ``charset`` and ``separator`` are for CSV,
    ``sheet`` names the sheet. ``max_rows`` of each are taken at most, 0 for all.
    """

    task: TaskRef
    number: int | None
    format: ExportFormat
    null: str = "NULL"
    charset: str = "utf-8"
    separator: str = ","
    sheet: str = "result"
    max_rows: int = 0


@dataclass(frozen=True, slots=True)
class ReadWholeLog(Command[LogRead]):
    """Asks for all lines that there are, up to the configured size."""

    task: TaskRef
