"""Searching a log, an extension of ours: ``entrance/{id}/search``.

``text`` is what lines must hold, ``fromLine`` where to begin. ``backward=true`` looks before that
line and tells the nearest first, ``ignoreCase=true`` takes ASCII letters as alike in both cases. A
request looks for a bounded time: while ``more`` is true the rest is asked for from ``fromLine`` of
the answer.
"""

from __future__ import annotations

from typing import Any

from protocol.commands.logs import LogMatches, SearchLog
from protocol.dialect import Route
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.dialects.linkis.fields import invalid, whole
from protocol.http import Reply, Request

__all__ = ["search_rows"]

_MATCHES = 100


def search_rows(ids: ExecIds) -> tuple[Route[Any], ...]:
    """The row of the table."""
    calls = _Searching(ids)
    return (Route("GET", "/entrance/{id}/search", calls.parse, calls.render, slow=True),)


class _Searching:
    """The call.

    Args:
        ids: names and finds tasks.
    """

    def __init__(self, ids: ExecIds) -> None:
        self._ids = ids

    def parse(self, request: Request) -> SearchLog:
        """What is looked for, where and in which direction."""
        query = request.query
        return SearchLog(
            self._ids.ref(request.params["id"], query.get("taskID", "")),
            query.get("text", ""),
            whole(query, "fromLine", 1),
            backward=_truth(query.get("backward", ""), "backward"),
            ignore_case=_truth(query.get("ignoreCase", ""), "ignoreCase"),
            limit=whole(query, "size", _MATCHES),
        )

    def render(self, found: LogMatches, request: Request) -> Reply:
        """The lines, nearest first, each cut to what stands around the text."""
        ids, task = self._ids, found.task
        ids.check(task, request.params["id"], request.query.get("taskID", ""))
        lines = [
            {"n": line.number, "t": line.time_ms, "s": line.stream.value, "text": line.text}
            for line in found.lines
        ]
        data: dict[str, object] = {
            "execID": ids.of(task),
            "taskID": task.number,
            "lines": lines,
            "fromLine": found.next,
            "more": found.more,
        }
        return success(request, "OK", data)


def _truth(text: str, name: str) -> bool:
    if text not in {"", "true", "false"}:
        raise invalid(name, "must be true or false")
    return text == "true"
