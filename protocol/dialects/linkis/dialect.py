"""The dialect as the switchboard sees it: its table, its sockets, and how an error looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocol.accounts import Credential, Token
from protocol.dialect import Conversation, Route
from protocol.dialects.linkis.conversation import LinkisConversation
from protocol.dialects.linkis.envelope import retry_headers
from protocol.dialects.linkis.exec_id import ExecIds
from protocol.dialects.linkis.refusal import refusal
from protocol.dialects.linkis.routes import SOCKETS, routes, socket_routes
from protocol.dialects.linkis.settings import Settings
from protocol.dialects.linkis.words import COOKIE
from protocol.errors import GatewayError
from protocol.http import Reply, Request
from protocol.media import encode_json
from protocol.routing import Router

__all__ = ["LinkisDialect"]

_LIGHT = 8192
_VARIABLE = "${"


class LinkisDialect:
    """The front/back adaption of Linkis.

    Args:
        settings: the dialect's table of the configuration. GatewayError of kind INVALID for a
            setting that it has not, or that cannot be.
    """

    name = "linkis"

    def __init__(self, settings: Mapping[str, object]) -> None:
        known = Settings.of(settings)
        self._ids = ExecIds(known.instance)
        self._routes = routes(self._ids, known)
        self._router = Router(self._routes)
        self._socket_router = Router((*self._routes, *socket_routes(self._ids)))

    @property
    def routes(self) -> tuple[Route[Any], ...]:
        """The table that HTTP and websocket share."""
        return self._routes

    @property
    def sockets(self) -> tuple[str, ...]:
        """Where the old and the new clients open their websocket."""
        return SOCKETS

    @property
    def cookie(self) -> str:
        """The session ticket's name, as proxies and other products know it."""
        return COOKIE

    def credential(self, headers: Mapping[str, str]) -> Credential | None:
        """The pair ``Token-Code`` and ``Token-User`` of Java clients (contract, section 2.3)."""
        token = headers.get("token-code", "")
        return Token(token, acting=headers.get("token-user", "")) if token else None

    def heavy(self, data: str | bytes) -> bool:
        """Long ones, and those with variables, for which a short name may stand for a long text."""
        return len(data) > _LIGHT or (_VARIABLE in data if isinstance(data, str) else b"${" in data)

    def conversation(self, query: Mapping[str, str]) -> Conversation:
        """A fresh conversation; ``resume=false`` keeps running tasks from being pushed to it."""
        resume = query.get("resume", "").lower() != "false"
        return LinkisConversation(self._ids, self._socket_router, resume=resume)

    def refuse(self, error: GatewayError, request: Request) -> Reply:
        """The error in the envelope; unknown paths and methods are told by the table itself."""
        match = self._router.match(_verb(request), request.path)
        refused = refusal(error, request.path, match)
        headers = retry_headers(error)
        if refused.allowed:
            headers["Allow"] = ", ".join(refused.allowed)
        return Reply(refused.code, encode_json(refused.body), headers=headers)


def _verb(request: Request) -> str:
    return "GET" if request.method == "HEAD" else request.method
