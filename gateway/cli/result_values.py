"""The cells of result sets as texts, as JSON and in files."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from gateway.client import Page, Result
from protocol import csv_text
from protocol.results import cell_text

__all__ = ["cell_words", "csv_chunks", "json_chunks", "result_record"]


def cell_words(cell: object) -> str:
    """A cell as a text; NULL is empty."""
    plain = _plain(cell)
    return plain if isinstance(plain, str) else cell_text(plain, "")  # type: ignore[arg-type]


def result_record(result: Result, page: Page) -> dict[str, object]:
    """A result set with the rows of one page, for programs."""
    return {
        "type": "table",
        "set": result.number,
        "kind": page.kind,
        "first": page.first,
        "columns": [{"name": column.name, "type": str(column.type)} for column in page.columns],
        "rows": [[_plain(cell) for cell in row] for row in page.rows],
        "total": page.total,
        "complete": page.complete,
        "truncated": page.truncated,
    }


def csv_chunks(result: Result) -> Iterator[bytes]:
    """The table as CSV with its head; what a spreadsheet would run is marked as a text."""
    for page in result.pages():
        rows = [[cell_words(cell) for cell in row] for row in page.rows]
        if not page.first:
            rows.insert(0, list(page.names))
        yield csv_text.written(rows).encode()


def json_chunks(result: Result) -> Iterator[bytes]:
    """One JSON object for each row, on a line of its own."""
    for page in result.pages():
        for row in page.dicts():
            record = {name: _plain(cell) for name, cell in row.items()}
            yield json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _plain(cell: object) -> object:
    """What JSON can say of a cell: times and decimals are texts, bytes base64."""
    match cell:
        case datetime() | date():
            return cell.isoformat()
        case Decimal():
            return str(cell)
        case bytes():
            return base64.b64encode(cell).decode()
        case float() if not math.isfinite(cell):
            return "NaN" if math.isnan(cell) else f"{'-' if cell < 0 else ''}Infinity"
        case _:
            return cell
