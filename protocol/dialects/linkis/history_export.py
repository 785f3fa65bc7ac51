"""``jobhistory/download-job-list``: the rows of a list as a file of separated values.

Follows the contract, section 9, point 11: the history page of the console offers it with the
filters of its list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protocol.commands.history import TaskPage, TaskQuery
from protocol.csv_text import written
from protocol.dialects.linkis.results_export import attachment
from protocol.dialects.linkis.words import time_text
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.tasks import Task

__all__ = ["JobList"]

_MOST = 1000
_MARK = "\ufeff"
_COLUMNS = (
    *("taskID", "execId", "status", "umUser", "requestApplicationName", "engineType", "runType"),
    *("createdTime", "updatedTime", "costTime", "fileName", "errCode", "errDesc"),
)
_TIMES = frozenset({"createdTime", "updatedTime"})


class JobList:
    """The route.

    Args:
        asked: the search that the filters of a request mean.
        row: the fields of a task at a moment.
    """

    def __init__(
        self,
        asked: Callable[[Request], TaskQuery],
        row: Callable[[Task, int], dict[str, object]],
    ) -> None:
        self._asked = asked
        self._row = row

    def parse(self, request: Request) -> TaskQuery:
        """The newest tasks that fit, without their code."""
        if request.websocket:
            raise GatewayError(Kind.UNSUPPORTED, "a file can be asked for over HTTP only")
        return replace(self._asked(request), limit=_MOST, offset=0, code_bytes=0)

    def render(self, found: TaskPage, request: Request) -> Reply:
        """A line for each, with the names of the columns first; times are in UTC."""
        rows = [self._row(task, request.now_ms) for task in found.tasks]
        lines = [_COLUMNS, *([_cell(name, row[name]) for name in _COLUMNS] for row in rows)]
        # Spreadsheets take UTF-8 for what it is by its mark alone.
        body = (_MARK + written(lines)).encode("utf-8", "replace")
        return Reply(200, body, "text/csv; charset=utf-8", attachment("job_list.csv"))


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    return time_text(value) if name in _TIMES and isinstance(value, int) else str(value)
