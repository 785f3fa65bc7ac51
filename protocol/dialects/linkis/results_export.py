"""Result sets as files: ``resultsetToExcel`` and ``resultsetsToExcel``.

Follows the contract, section 6.5. Both spellings of the separator are taken. What a file is called
is said by its asker, and only harmless characters of it are used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from protocol.commands.results import ExportResults
from protocol.dialects.linkis.fields import invalid, whole
from protocol.dialects.linkis.results_paths import result_ref, results_ref
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.results import Exported, ExportFormat

__all__ = ["attachment", "parse_all", "parse_one", "render"]

_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "gbk": "gbk",
    "gb2312": "gbk",
    "gb18030": "gb18030",
    "iso-8859-1": "iso-8859-1",
    "us-ascii": "ascii",
}
_SEPARATORS = {
    "": ",",
    ",": ",",
    ";": ";",
    "|": "|",
    "\t": "\t",
    "\\t": "\t",
    "%20": " ",
    " ": " ",
}
_TYPES = {
    ExportFormat.CSV: "text/csv",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_LONGEST_NAME = 100
_UNFIT = re.compile(r"[^\w .()+-]")
_NO_ASCII = re.compile(r"[^A-Za-z0-9_ .()+-]")


def parse_one(request: Request) -> ExportResults:
    """One result set, as CSV unless the other is asked for."""
    _refuse_socket(request)
    query = request.query
    ref = result_ref(query.get("path", ""))
    if ref is None:
        raise invalid("path", "is not the path of a result set")
    kind = query.get("outputFileType", "") or "csv"
    if kind not in set(ExportFormat):
        raise invalid("outputFileType", "must be csv or xlsx")
    return _asked(ExportResults(ref[0], ref[1], ExportFormat(kind)), query)


def parse_all(request: Request) -> ExportResults:
    """All tables of a task, a sheet for each."""
    _refuse_socket(request)
    ref = results_ref(request.query.get("path", ""))
    if ref is None:
        raise invalid("path", "is not the path of a task's results")
    return _asked(ExportResults(ref, None, ExportFormat.XLSX), request.query)


def render(found: Exported, request: Request) -> Reply:
    """The file, to be saved and never to be shown."""
    name = request.query.get("outputFileName", "") or f"result_{found.task.number}"
    suffix = f".{found.format.value}"
    name = name if name.lower().endswith(suffix) else name + suffix
    charset = _charset(request.query) if found.format is ExportFormat.CSV else ""
    media = _TYPES[found.format]
    return Reply(
        200,
        found.chunks,
        f"{media}; charset={charset}" if charset else media,
        attachment(name),
        length=found.length,
    )


def attachment(name: str) -> dict[str, str]:
    """The headers of a file that is to be saved under a name."""
    base = name.replace("\\", "/").rpartition("/")[2][-_LONGEST_NAME:]
    plain = _NO_ASCII.sub("_", base).strip(" .") or "file"
    full = quote(_UNFIT.sub("_", base).strip(" .") or "file", safe="", errors="replace")
    return {
        "Content-Disposition": f"attachment;filename=\"{plain}\";filename*=UTF-8''{full}",
        "X-Content-Type-Options": "nosniff",
    }


def _asked(command: ExportResults, query: Mapping[str, str]) -> ExportResults:
    separator = query.get("csvSeperator", "") or query.get("csvSeparator", "")
    if separator not in _SEPARATORS:
        raise invalid("csvSeparator", "must be one of , ; | tab and blank")
    null = query.get("nullValue", "") or "NULL"
    return ExportResults(
        command.task,
        command.number,
        command.format,
        null=null[:_LONGEST_NAME],
        charset=_CHARSETS[_charset(query)],
        separator=_SEPARATORS[separator],
        sheet=query.get("sheetName", "")[:_LONGEST_NAME] or "result",
        max_rows=max(0, whole(query, "limit", 0)),
    )


def _charset(query: Mapping[str, str]) -> str:
    word = (query.get("charset", "") or "utf-8").lower()
    if word not in _CHARSETS:
        raise invalid("charset", f"must be one of {', '.join(_CHARSETS)}")
    return word


def _refuse_socket(request: Request) -> None:
    if request.websocket:
        raise GatewayError(Kind.UNSUPPORTED, "a file can be asked for over HTTP only")
