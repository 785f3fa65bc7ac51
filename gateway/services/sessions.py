"""Warm sessions: who has which, and their end.

They are the runner's; here is only looked at what lies on disk, and requested.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.caller import Access
from gateway.services.parts import Parts
from gateway.services.service import Verb, for_user
from gateway.stores.sessions import SessionStore
from protocol.accounts import Principal
from protocol.commands.sessions import EndSession, ListSessions
from protocol.errors import GatewayError, Kind, Subject
from protocol.sessions import EngineSession, SessionState

__all__ = ["EngineSessions"]


class EngineSessions:
    """Carries out the commands on warm sessions.

    Args:
        store: where they are.
        grace_seconds: what an end that names no grace gets.
    """

    def __init__(self, store: SessionStore, grace_seconds: float) -> None:
        self._store = store
        self._grace_seconds = grace_seconds

    @classmethod
    def of(cls, parts: Parts) -> EngineSessions:
        """The service of a gateway."""
        return cls(parts.stores.sessions, parts.config.runner.grace_seconds)

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(ListSessions, Access.LOOK, for_user(self.list)),
            Verb(EndSession, Access.USER, for_user(self.end)),
        )

    async def list(self, principal: Principal, command: ListSessions) -> tuple[EngineSession, ...]:
        """The sessions of the principal, or all that they may see."""
        found = await asyncio.to_thread(self._all)
        return tuple(
            one
            for one in found
            if one.owner == principal.name or (command.everybody and principal.admin)
        )

    async def end(self, principal: Principal, command: EndSession) -> EngineSession:
        """Makes the request durable and tells the session.

        Raises:
            GatewayError: NOT_FOUND for what is not there and for what is somebody else's alike.
        """
        grace = command.grace_seconds if command.grace_seconds >= 0 else self._grace_seconds
        ending = await asyncio.to_thread(self._end, principal, command.session_id, grace)
        if ending is None:
            raise GatewayError(Kind.NOT_FOUND, "there is no such session", subject=Subject.SESSION)
        return ending

    def _all(self) -> Sequence[EngineSession]:
        return tuple(one for one in map(self._store.look, self._store.all()) if one is not None)

    def _end(self, principal: Principal, session_id: str, grace: float) -> EngineSession | None:
        stored = self._store.find(session_id)
        if stored is None or not (principal.admin or stored.tag.owner == principal.name):
            return None
        seen = self._store.look(stored)
        if seen is None or not self._store.request_end(stored, grace):
            return None
        return replace(seen, state=SessionState.ENDING)
