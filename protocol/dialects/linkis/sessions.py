"""Warm sessions, an extension of ours: ``entrance/sessions`` and ``entrance/sessions/{id}/kill``.

A session is found by its user, engine and creator, and by the startup parameter ``session`` if a
client names one. Ending one ends the statement that runs in it.
"""

from __future__ import annotations

from typing import Any

from protocol.commands.sessions import EndSession, ListSessions
from protocol.dialect import Route
from protocol.dialects.linkis.envelope import success
from protocol.dialects.linkis.fields import number
from protocol.http import Reply, Request
from protocol.sessions import EngineSession

__all__ = ["session_rows"]


def session_rows() -> tuple[Route[Any], ...]:
    """The rows of the table."""
    kill = "/entrance/sessions/{id}/kill"
    return (
        Route("GET", "/entrance/sessions", _parse_list, _render_list),
        Route("GET", kill, _parse_kill, _render_kill),
        Route("POST", kill, _parse_kill, _render_kill),
    )


def _parse_list(request: Request) -> ListSessions:
    """With ``all=true`` an administrator sees those of everybody."""
    return ListSessions(everybody=request.query.get("all", "") == "true")


def _render_list(found: tuple[EngineSession, ...], request: Request) -> Reply:
    return success(request, "OK", {"sessions": [_row(one) for one in found]})


def _parse_kill(request: Request) -> EndSession:
    """``grace`` is the time in seconds between the polite end and the certain one."""
    return EndSession(request.params["id"], number(request.query, "grace", -1.0))


def _render_kill(ending: EngineSession, request: Request) -> Reply:
    return success(request, "OK", {"session": _row(ending)})


def _row(one: EngineSession) -> dict[str, object]:
    return {
        "id": one.id,
        "user": one.owner,
        "engineType": one.engine,
        "creator": one.label,
        "key": one.key,
        "state": one.state.value,
        "createdTime": one.created_ms,
        "lastUsedTime": one.used_ms or None,
        "statements": one.statements,
        "task": one.task_id or None,
    }
