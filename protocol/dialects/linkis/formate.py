"""``filesystem/formate``: the first rows of separated text, to be looked at before an import.

Follows the contract, section 6.5. unlike Linkis: quotes count whether ``escapeQuotes`` is said or
not, so that separators and line breaks in them are part of a cell; ``quote`` names another sign.
"""

from __future__ import annotations

from protocol.charsets import charset_of, decoded
from protocol.commands.files import ReadFile
from protocol.csv_text import rows_of
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.fields import whole
from protocol.files import FileContent, file_url
from protocol.http import Reply, Request

__all__ = ["parse_format", "render_format"]

_ROWS = 100
_COLUMNS = 1000
_MOST_BYTES = 1 << 20


def parse_format(request: Request) -> ReadFile:
    """The separated text that is to be looked at."""
    charset_of(request.query.get("encoding", ""), "encoding")
    return ReadFile(file_url(request.query.get("path", "")))


def render_format(found: FileContent, request: Request) -> Reply:
    """Its first rows as columns, all of them texts; short rows end with empty cells."""
    query = request.query
    separator = query.get("separator", "")
    text = _head(found.data, charset_of(query.get("encoding", ""), "encoding"))
    rows = rows_of(
        text,
        {"": ",", "\\t": "\t", "%20": " "}.get(separator, separator),
        query.get("quote", "") or '"',
        most_rows=_ROWS,
        most_columns=_COLUMNS,
    )
    width = max(map(len, rows), default=0)
    rows = [row + [""] * (width - len(row)) for row in rows]
    header = query.get("hasHeader", "").lower() == "true"
    names = rows[0] if header and rows else [f"col_{place + 1}" for place in range(width)]
    content = rows[1:] if header else rows
    data: dict[str, object] = {
        "formate": {
            "columnName": names,
            "columnType": ["string"] * len(names),
            "sheetName": None,
            "res": content[0] if content else [],
        },
        "fileContent": content,
        "totalLine": whole(query, "limit", len(content)),
    }
    return success(request, "OK", data)


def _head(data: bytes, codec: str) -> str:
    """The text of the beginning; a long one is cut after a line, where every set allows it."""
    if len(data) > _MOST_BYTES:
        data = data[: data.rfind(b"\n", 0, _MOST_BYTES) + 1 or _MOST_BYTES]
    return decoded(data, codec, "encoding")
