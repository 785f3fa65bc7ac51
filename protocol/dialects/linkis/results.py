"""Result sets as the clients read them: pages of texts with typed columns, in Linkis' own words.

Follows the contract, sections 6.3 to 6.5. ``totalLine`` counts the rows of this page, for the JDBC
driver loops until it is 0. Every cell is a text or null. A page past the end has its columns and
no rows.

unlike Linkis: a text has one column too, because the Python SDKs fail on null; ``totalPage`` is
true; and beside the data stand ``totalRow``, ``complete``, ``truncated`` and ``limit``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from protocol.commands.logs import LogRead
from protocol.commands.results import ReadResult, ReadWholeLog
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.dialects.linkis.fields import invalid, whole
from protocol.dialects.linkis.log import banner, closing, gap_lines
from protocol.dialects.linkis.log_blocks import by_level, shown
from protocol.dialects.linkis.results_paths import (
    log_ref,
    nothing_path,
    result_path,
    results_path,
)
from protocol.dialects.linkis.words import time_text
from protocol.http import Reply, Request
from protocol.media import JsonValue
from protocol.results import (
    Column,
    ColumnType,
    ResultKind,
    ResultList,
    ResultPage,
    ResultSet,
    Row,
    cell_text,
)
from protocol.tasks import ByNumber

__all__ = ["TABLE", "ResultViews", "null_text", "page_data", "parse_page", "render_tree"]

_PAGE_SIZE = 5000
_LARGEST_PAGE = 100_000
_COLUMNS = 500
_LINE_END = re.compile(r"\r\n|\n|\r")
"""A form feed or another separator of Unicode ends no line."""
_TEXT, TABLE, _PICTURE, _HTML = "1", "2", "4", "5"

TYPE_WORDS: Mapping[ColumnType, str] = {
    ColumnType.VOID: "void",
    ColumnType.STRING: "string",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.BYTE: "tinyint",
    # unlike Linkis: its "short" is a text to the Python SDKs, and an int holds it.
    ColumnType.SHORT: "int",
    ColumnType.INT: "int",
    ColumnType.LONG: "bigint",
    ColumnType.FLOAT: "float",
    ColumnType.DOUBLE: "double",
    ColumnType.DECIMAL: "decimal",
    ColumnType.DATE: "date",
    ColumnType.TIMESTAMP: "timestamp",
    ColumnType.BINARY: "binary",
    ColumnType.ARRAY: "array",
    ColumnType.MAP: "map",
    ColumnType.STRUCT: "struct",
}
"""Each type in one of the words that clients know; other words make texts of their columns."""


def null_text(query: Mapping[str, str]) -> str | None:
    """What NULL is shown as: None is null itself."""
    asked = query.get("nullValue", "")
    return None if asked == "LINKIS_NULL" else asked or "NULL"


def render_tree(found: ResultList, request: Request, *, never_empty: bool = False) -> Reply:
    """The directory of a task's result sets; its children are an empty list if there are none.

    ``never_empty`` puts an empty text there, for clients that open the first in any case.
    """
    folder = results_path(found.task)
    children = [
        _leaf(
            folder,
            result_path(found.task, result.number),
            {"size": str(result.size), "modifytime": str(result.written_ms)},
        )
        for result in found.results
    ]
    if never_empty and not children:
        written = str(found.task.finished_ms or found.task.created_ms)
        children.append(
            _leaf(folder, nothing_path(found.task), {"size": "0", "modifytime": written})
        )
    tree = {
        "name": str(found.task.number),
        "path": folder,
        "properties": None,
        "children": children,
        "isLeaf": False,
        "parentPath": None,
    }
    return success(request, "OK", {"dirFileTrees": tree})


def parse_page(ref: tuple[ByNumber, int], request: Request) -> ReadResult:
    """A page by its number, from 1, and its size."""
    page, size = _page(request.query)
    return ReadResult(ref[0], ref[1], (page - 1) * size, size, whole=True)


def page_data(found: ResultPage, query: Mapping[str, str]) -> dict[str, object]:
    """A page of a table, or a text, picture or HTML in the form that clients show."""
    result = found.result
    page, size = _page(query)
    word, rows, columns = TABLE, found.rows, result.columns
    if result.kind is ResultKind.TEXT:
        word = _TEXT
    elif result.kind is ResultKind.RICH:
        word, rows = _shown(found.rows)
        columns = (Column("content", ColumnType.STRING),)
    first, last, cut = _span(query, len(columns))
    null = null_text(query)
    data: dict[str, object] = {
        "metadata": [_column(column) for column in columns[first:last]],
        "fileContent": [[_cell(cell, null) for cell in row[first:last]] for row in rows],
        "type": word,
        "totalLine": len(rows),
        "page": page,
        "totalPage": -(-result.rows // size),
        "totalColumn": len(columns),
        **_known(result),
    }
    if cut:
        message = (
            f"The result set has {len(columns)} columns, of which {_COLUMNS} are shown at once"
        )
        data |= {"column_limit_display": True, "en_msg": message, "zh_msg": message}
    return data


class ResultViews:
    """The calls that need to name the task as well.

    Args:
        ids: names and finds tasks.
    """

    def __init__(self, ids: ExecIds) -> None:
        self._ids = ids

    def parse_log(self, request: Request) -> ReadWholeLog:
        """The task whose log the path names."""
        return ReadWholeLog(log_ref(request.query.get("path", "")))

    def render_log(self, read: LogRead, request: Request) -> Reply:
        """All lines by level, with the same indexes as in pages; each ends with a line feed.

        Blank ones are there: linkis-cli skips as many lines as its cursor says (section 8d).
        """
        exec_id, page = self._ids.of(read.task), read.page
        texts = banner(read.task, exec_id) + gap_lines(page.gaps, read.task)
        texts += shown(page.blocks, blanks=True)
        if page.eof:
            texts += closing(read.task, exec_id)
        elif page.next.line <= page.last:
            at = time_text(read.task.created_ms)
            texts.append(f"{at} WARN the log is longer than is shown at once: read it in pages.")
        return success(request, "OK", {"log": by_level(texts, "\n")})


def _leaf(folder: str, path: str, properties: dict[str, str]) -> dict[str, object]:
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "properties": properties,
        "children": None,
        "isLeaf": True,
        "parentPath": folder,
    }


def _page(query: Mapping[str, str]) -> tuple[int, int]:
    page, size = whole(query, "page", 1), whole(query, "pageSize", _PAGE_SIZE)
    if page < 1:
        raise invalid("page", "must be 1 or more")
    if not 0 < size <= _LARGEST_PAGE:
        raise invalid("pageSize", f"must be between 1 and {_LARGEST_PAGE}")
    return page, size


def _span(query: Mapping[str, str], columns: int) -> tuple[int, int, bool]:
    """The first column, the one after the last, and whether there are more than are shown."""
    if query.get("enableLimit", "").lower() != "true":
        return 0, columns, False
    size = whole(query, "columnPageSize", _COLUMNS)
    page = whole(query, "columnPage", 1)
    if page < 1 or not 0 < size <= _COLUMNS:
        raise invalid("columnPageSize", f"must be between 1 and {_COLUMNS}, and columnPage from 1")
    return (page - 1) * size, page * size, columns > size


def _shown(rows: Sequence[Row]) -> tuple[str, tuple[Row, ...]]:
    """The form of a rich result that is shown, and what it is shown as."""
    forms = {str(row[0]): str(row[2]) for row in rows}
    if "text/html" in forms:
        return _HTML, ((forms["text/html"],),)
    for media, content in forms.items():
        if media.startswith("image/") and media != "image/svg+xml":
            return _PICTURE, ((content,),)
    text = forms.get("text/plain") or next(iter(forms.values()), "")
    lines = _LINE_END.split(text)
    return _TEXT, tuple((line,) for line in (lines if lines[-1] else lines[:-1]))


def _column(column: Column) -> dict[str, object]:
    return {
        "columnName": column.name,
        # The JDBC driver takes no null (contract, section 9, point 2).
        "comment": column.comment,
        "dataType": TYPE_WORDS[column.type],
    }


def _cell(cell: JsonValue, null: str | None) -> str | None:
    return null if cell is None else cell_text(cell, "")


def _known(result: ResultSet) -> dict[str, object]:
    return {
        "totalRow": result.rows,
        "complete": result.complete,
        "truncated": result.truncated,
        "limit": result.limit,
    }
