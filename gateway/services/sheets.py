"""Rows as files for other programs: CSV by the piece, and workbooks built in a temporary file.

A workbook is written row by row and never held in memory. Texts stay texts: nothing that a task
wrote becomes a formula or a link. Blocks; for worker threads.
"""

from __future__ import annotations

import csv
import io
import math
import re
import tempfile
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO, TypeGuard

from protocol.commands.results import ExportResults
from protocol.csv_text import harmless
from protocol.errors import GatewayError, Kind
from protocol.media import JsonValue
from protocol.results import Column, ColumnType, Row, cell_text

__all__ = ["MOST_COLUMNS", "Workbook", "csv_rows"]

MOST_COLUMNS = 16_384
"""Of a sheet: there is no place for more in the format, and the library drops them in silence."""

_LONGEST_CELL = 32_767
_LONGEST_NAME = 31
_UNFIT = re.compile(r"[\[\]:*?/\\\x00-\x1f']")
_EXACT = 1 << 53
_NUMBERS = frozenset({ColumnType.FLOAT, ColumnType.DOUBLE})


def csv_rows(columns: Iterable[Column], rows: Iterable[Row], command: ExportResults) -> bytes:
    """A piece of a CSV file, with the names of the columns first if any are given.

    What the character set cannot say becomes a question mark. INVALID for an unknown one.
    """
    buffer = io.StringIO()
    try:
        writer = csv.writer(buffer, delimiter=command.separator, lineterminator="\r\n")
    except (TypeError, ValueError) as error:
        raise GatewayError(Kind.INVALID, "the separator must be one character") from error
    if names := [column.name for column in columns]:
        writer.writerow(map(harmless, names))
    writer.writerows([_csv_cell(cell, command.null) for cell in row] for row in rows)
    try:
        return buffer.getvalue().encode(command.charset, "replace")
    except LookupError as error:
        raise GatewayError(Kind.INVALID, "the character set is not known here") from error


def _csv_cell(cell: JsonValue, null: str) -> str:
    """The cell as text; what a spreadsheet would run is marked as a text."""
    if isinstance(cell, str):
        return harmless(cell)
    return null if cell is None else cell_text(cell, null)


class Workbook:
    """A workbook under way; ``null`` stands for NULL."""

    def __init__(self, null: str) -> None:
        # Large, and seldom asked for. The package brings no types.
        import xlsxwriter  # type: ignore[import-untyped]  # noqa: PLC0415

        self._null = null
        self._file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._book = xlsxwriter.Workbook(
            self._file,
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "nan_inf_to_errors": True,
            },
        )
        self._sheet: Any = None
        self._names: set[str] = set()
        self._numbers: frozenset[int] = frozenset()
        self._place = 0

    def sheet(self, name: str, columns: Sequence[Column]) -> None:
        """Begins a sheet with the names of its columns."""
        self._sheet = self._book.add_worksheet(self._free(name))
        self._place = 0
        self._numbers = frozenset()
        self.rows([tuple(column.name for column in columns)])
        self._numbers = frozenset(
            place for place, column in enumerate(columns) if column.type in _NUMBERS
        )

    def rows(self, rows: Iterable[Row]) -> None:
        """Adds rows to the sheet."""
        assert self._sheet is not None  # noqa: S101 - the order of the calls
        for row in rows:
            for column, written in enumerate(row):
                cell = _number(written) if column in self._numbers else written
                if isinstance(cell, bool):
                    self._sheet.write_boolean(self._place, column, cell)
                elif _is_exact(cell):
                    self._sheet.write_number(self._place, column, cell)
                else:
                    text = cell_text(cell, self._null)[:_LONGEST_CELL]
                    self._sheet.write_string(self._place, column, text)
            self._place += 1

    def finish(self) -> int:
        """Ends the workbook, which can then be read; its size."""
        self._book.close()
        size = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)
        return size

    def read(self, size: int) -> bytes:
        """The next bytes of the finished file."""
        return self._file.read(size)

    def close(self) -> None:
        """Removes the file."""
        self._file.close()

    def _free(self, name: str) -> str:
        base = _UNFIT.sub("_", name)[: _LONGEST_NAME - 4].strip() or "result"
        free, serial = base, 1
        while free.lower() in self._names:
            serial += 1
            free = f"{base}_{serial}"
        self._names.add(free.lower())
        return free


def _number(cell: JsonValue) -> JsonValue:
    """The number that a text such as ``1.0E10`` is; what is none stays as it is."""
    try:
        return float(cell) if isinstance(cell, str) else cell
    except ValueError:
        return cell


def _is_exact(cell: JsonValue) -> TypeGuard[float]:
    """Whether a spreadsheet, whose numbers are doubles, can hold a number as it is."""
    if isinstance(cell, float):
        return math.isfinite(cell)
    return isinstance(cell, int) and abs(cell) <= _EXACT
