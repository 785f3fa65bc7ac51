"""Warm sessions: who has which, and their end."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.command import Command
from protocol.sessions import EngineSession

__all__ = ["EndSession", "ListSessions"]


@dataclass(frozen=True, slots=True)
class ListSessions(Command[tuple[EngineSession, ...]]):
    """Asks for the warm sessions, oldest first: the caller's or, with ``everybody``, all seen."""

    everybody: bool = False


@dataclass(frozen=True, slots=True)
class EndSession(Command[EngineSession]):
    """Asks for a session to end, with the statement that runs in it. Answered when it is durable.

    ``grace_seconds`` lies between the polite signal and the certain one; negative for the
    configured time.
    """

    session_id: str
    grace_seconds: float = -1.0
