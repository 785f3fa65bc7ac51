"""Asks for the warm sessions of a user."""

from __future__ import annotations

from urllib.parse import quote

from gateway.client import reading
from gateway.client.call import ENTRANCE, Call, Reply
from gateway.client.reading import Document
from gateway.client.values import SessionRow

__all__ = ["end_session", "list_sessions"]


def list_sessions(*, everybody: bool = False) -> Call[tuple[SessionRow, ...]]:
    """Asks for the user's warm sessions, oldest first; an administrator may see everybody's."""

    def read(data: Document, _reply: Reply) -> tuple[SessionRow, ...]:
        return tuple(_session(row) for row in reading.rows(data, "sessions"))

    query = {"all": "true"} if everybody else {}
    return Call("GET", f"{ENTRANCE}/sessions", read, query)


def end_session(session: str) -> Call[SessionRow]:
    """Asks for a warm session to end, with the statement that runs in it."""

    def read(data: Document, _reply: Reply) -> SessionRow:
        return _session(reading.section(data, "session"))

    return Call("POST", f"{ENTRANCE}/sessions/{quote(session, safe='')}/kill", read)


def _session(row: Document) -> SessionRow:
    return SessionRow(
        reading.text(row, "id"),
        reading.text(row, "state"),
        reading.text(row, "user", ""),
        reading.text(row, "engineType", ""),
        reading.text(row, "creator", ""),
        reading.number(row, "createdTime", 0),
        reading.optional(row, "lastUsedTime") or 0,
        reading.number(row, "statements", 0),
    )
