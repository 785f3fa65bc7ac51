"""Result sets: what a task hands over besides its log, typed and read in pages; and their verbs.

A cell is what JSON can say; None is SQL's NULL. Decimals, dates and times are text, bytes are
base64. Rows count from 0. A text has one cell a row, its line; a rich result has one row for each
form of the same thing: media type, encoding (empty or ``base64``) and content.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from protocol.tasks import Task

if TYPE_CHECKING:  # the client reads these values, and starts quickly without what reads bodies
    from protocol.media import JsonValue

__all__ = [
    "Column",
    "ColumnType",
    "ExportFormat",
    "Exported",
    "ResultKind",
    "ResultList",
    "ResultPage",
    "ResultSet",
    "Row",
    "cell_text",
]

Row: TypeAlias = "tuple[JsonValue, ...]"
"""One row: a cell for each column."""


def cell_text(cell: JsonValue, null: str) -> str:
    """A cell as text: booleans in lower case, what is nested as JSON, ``null`` for NULL.

    What is no finite number is ``NaN``, ``Infinity`` or ``-Infinity``.
    """
    match cell:
        case None:
            return null
        case bool():
            return "true" if cell else "false"
        case str():
            return cell
        case float() if not math.isfinite(cell):
            return "NaN" if math.isnan(cell) else f"{'-' if cell < 0 else ''}Infinity"
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
class ResultPage:
    """Rows of one result set from ``first`` on."""

    task: Task
    result: ResultSet
    first: int
    rows: tuple[Row, ...]


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
