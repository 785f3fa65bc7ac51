"""The dialect as the switchboard sees it: its table, its sockets, and how an error looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocol.accounts import Credential
from protocol.dialect import Route, Session
from protocol.dialects.linkis.code_checks import CodeChecks
from protocol.dialects.linkis.envelope import retry_headers
from protocol.dialects.linkis.exec_id import ExecIds, nameable
from protocol.dialects.linkis.refusal import refusal
from protocol.dialects.linkis.routes import SOCKETS, routes, socket_routes
from protocol.dialects.linkis.session import LinkisSession
from protocol.dialects.linkis.words import COOKIE
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.media import encode_json
from protocol.routing import Router

__all__ = ["LinkisDialect"]

_SETTINGS = frozenset({"instance", "kill_grace_seconds", "mount", "refused"})
_DEFAULT_INSTANCE = "127.0.0.1:9001"
# Sooner than the five seconds after which the old Scriptis takes a kill for failed (section 3.7).
_KILL_GRACE = 3.0
_LONGEST_GRACE = 3600.0


class LinkisDialect:
    """The front/back adaption of Linkis.

    Args:
        settings: the dialect's table of the configuration. ``instance`` is the ``host:port`` that
            becomes part of execIDs and that Java clients are sent to, empty for a default;
            ``refused`` are the words for which code is refused,
            ``kill_grace_seconds`` the grace of a kill that names none; ``mount`` is nothing to it.
            GatewayError of kind INVALID for a setting that it has not, or that cannot be.
    """

    name = "linkis"

    def __init__(self, settings: Mapping[str, object]) -> None:
        for name in sorted(settings.keys() - _SETTINGS):
            raise GatewayError(Kind.INVALID, f"{name} is not a setting of linkis", field=name)
        instance = settings.get("instance", "")
        instance = _DEFAULT_INSTANCE if instance == "" else instance
        if not isinstance(instance, str) or not nameable(instance):
            raise GatewayError(
                Kind.INVALID, "instance must be host:port of 1 to 99 characters", field="instance"
            )
        self._ids = ExecIds(instance)
        checks = CodeChecks.of(settings.get("refused", {}))
        self._routes = routes(self._ids, checks, _grace(settings.get("kill_grace_seconds")))
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
        return Credential(token, acting=headers.get("token-user", "")) if token else None

    def session(self, query: Mapping[str, str]) -> Session:
        """A fresh conversation; ``resume=false`` keeps running tasks from being pushed to it."""
        resume = query.get("resume", "").lower() != "false"
        return LinkisSession(self._ids, self._socket_router, resume=resume)

    def refuse(self, error: GatewayError, request: Request) -> Reply:
        """The error in the envelope; unknown paths and methods are told by the table itself."""
        match = self._router.match(_verb(request), request.path)
        refused = refusal(error, request.path, match)
        headers = retry_headers(error)
        if refused.allowed:
            headers["Allow"] = ", ".join(refused.allowed)
        return Reply(refused.code, encode_json(refused.body), headers=headers)


def _grace(setting: object) -> float:
    if setting is None:
        return _KILL_GRACE
    known = isinstance(setting, int | float) and not isinstance(setting, bool)
    if not known or not 0 <= float(str(setting)) <= _LONGEST_GRACE:
        raise GatewayError(
            Kind.INVALID,
            f"kill_grace_seconds must be from 0 to {_LONGEST_GRACE:g}",
            field="kill_grace_seconds",
        )
    return float(str(setting))


def _verb(request: Request) -> str:
    return "GET" if request.method == "HEAD" else request.method
