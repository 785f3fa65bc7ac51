"""Separated values as texts: read as RFC 4180 has them, and written so that others read the same.

Quotes may hold separators, line breaks and themselves doubled. Nothing is written that a
spreadsheet would take for a formula. Pure, and linear in what it is given.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from protocol.errors import GatewayError, Kind

__all__ = ["LONGEST", "harmless", "rows_of", "written"]

LONGEST = 128 * 1024
"""Characters that are looked at: no cell can be longer than the reader of the library takes."""

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = re.compile(
    r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:Infinity|inf)", re.ASCII
)
_BREAKS = frozenset("\r\n\0")


def rows_of(
    text: str, separator: str = ",", quote: str = '"', *, most_rows: int, most_columns: int
) -> list[list[str]]:
    """The first rows of a text, of each the first cells; blank lines are no rows.

    A text beyond LONGEST is cut, and a row that the cut goes through is left out. A separator of
    several characters separates wherever it stands, quotes or not.

    Raises:
        GatewayError: INVALID for a separator or quote that can be neither.
    """
    whole = len(text) <= LONGEST
    text = text[:LONGEST]
    if not separator or _BREAKS & set(separator) or separator == quote:
        raise _invalid("separator", "must be at least one character that ends no line")
    if len(quote) > 1 or quote in _BREAKS:
        raise _invalid("quote", "must be one character that ends no line")
    found: list[list[str]] = []
    for row in _rows(text, separator, quote):
        if not row:
            continue
        found.append(row[:most_columns])
        if len(found) > most_rows:
            break
    # Of a text that was cut the last row may be a part of one.
    return found[:most_rows] if whole or len(found) > most_rows else found[:-1]


def written(rows: Iterable[Sequence[str]], separator: str = ",") -> str:
    """The rows as lines that end with CR and LF."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\r\n")
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def harmless(cell: str) -> str:
    """The cell, with a sign before it if a spreadsheet would take it for a formula.

    The sign is an apostrophe, which spreadsheets know for "this is a text". Numbers stay.
    """
    if not cell.startswith(_FORMULAS) or _NUMBER.fullmatch(cell):
        return cell
    return f"'{cell}"


def _rows(text: str, separator: str, quote: str) -> Iterable[list[str]]:
    if len(separator) > 1:
        return (line.split(separator) if line else [] for line in text.splitlines())
    lines = io.StringIO(text, newline="")
    if not quote:
        return csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=separator, quotechar=quote)


def _invalid(field: str, fault: str) -> GatewayError:
    return GatewayError(Kind.INVALID, f"{field} {fault}", field=field)
