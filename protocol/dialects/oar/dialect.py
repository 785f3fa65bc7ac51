"""The OAR dialect: its settings, its table of routes and what its refusals look like.

Follows "OAR Documentation - REST API - User's doc" (OAR from 2.5 on) and, where that is silent, the
answers of a 2.5.9 server. Where that server answers a client's mistake with 500, breaks its own
framing or does what is unsafe, this one does not: ``gateway/docs/oar.md`` lists the differences.

Readings that were chosen:

- An administrator of the gateway is what OAR calls the user ``oar``. Who is none gets 401, which
  clients look for, and not 403.
- A method that an address has not is 404, as an address that is not there.
- Somebody else's job is there for everybody who is logged in; its command is not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from protocol.dialect import Located, Route
from protocol.dialects.oar import formats
from protocol.dialects.oar.faults import STATUS, TITLES, OarError
from protocol.dialects.oar.resource_routes import ResourceRoutes
from protocol.dialects.oar.routes import routes
from protocol.dialects.oar.words import NAME
from protocol.errors import GatewayError, Kind, Subject
from protocol.http import Reply, Request
from protocol.media import JsonObject

__all__ = ["OarDialect"]

_MOUNTS = ("/oarapi", "/oarapi-priv")
_MOUNT = re.compile(r"/[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_PROPERTY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_LIGHT = 1024


class OarDialect:
    """Jobs and resources as OAR's REST API has them; no websocket.

    Args:
        settings: ``mount`` is what stands before all its paths, ``mounts`` are the names below
            which the API stands, ``properties`` are what resources may have besides node, cpu and
            core.

    Raises:
        ValueError: a setting is unknown or cannot be meant.
    """

    name = NAME
    cookie = ""
    realm = "OAR API"

    def __init__(self, settings: Mapping[str, object]) -> None:
        unknown = sorted(settings.keys() - {"mount", "mounts", "properties"})
        if unknown:
            raise ValueError(f"{self.name} has no such setting: {unknown[0]}")
        mounts = _texts("mounts", settings.get("mounts", _MOUNTS), _MOUNT)
        if not mounts:
            raise ValueError(f"{self.name}: mounts is empty")
        properties = _texts("properties", settings.get("properties", ()), _PROPERTY)
        self._mount = str(settings.get("mount", ""))
        self.routes: Sequence[Route[Any]] = tuple(routes(mounts, ResourceRoutes(properties)))

    def credential(self, headers: Mapping[str, str]) -> None:  # noqa: ARG002 - the seam's signature
        """None of its own: what a proxy says of an identity is never believed."""
        return

    def locate(self, path: str) -> Located:
        """The path without the suffix that names the format of the answer."""
        return Located(*formats.located(path))

    def heavy(self, data: str | bytes) -> bool:
        """Long ones: YAML takes its time."""
        return len(data) > _LIGHT

    def refuse(self, error: GatewayError, request: Request) -> Reply:
        """The refusal as a hash in the format of the request, JSON if that names none.

        ``request.path`` may begin with the mount, as it does when no route was found.
        """
        status, title, message = _words(error, request)
        path = request.path.removeprefix(self._mount)
        code = status
        if _debugging(request, path):
            code, title = 200, f"ERROR {status} - {title}"
        headers: dict[str, str] = {}
        if status == 401 and "authorization" not in request.headers:  # noqa: PLR2004 - HTTP's
            headers["WWW-Authenticate"] = f'Basic realm="{self.realm}", charset="UTF-8"'
        if error.retry_after > 0:
            headers["Retry-After"] = str(math.ceil(error.retry_after))
        value: JsonObject = {"title": title, "message": message, "code": code}
        return formats.refusal(value, request, code, headers)


def _words(error: GatewayError, request: Request) -> tuple[int, str, str]:
    """Status, title and message of a refusal."""
    if isinstance(error, OarError):
        return error.status, error.title, error.message
    if error.subject is Subject.ROUTE or (
        error.kind is Kind.UNSUPPORTED and error.message.startswith("method ")
    ):
        return 404, "Not found", f"No way to handle your request {request.path[:200]}"
    if error.subject is Subject.NODE:
        return 504, "Gateway timeout", error.message
    return STATUS[error.kind], TITLES[error.kind], error.message


def _debugging(request: Request, path: str) -> bool:
    if any("debug" in mount for mount in path.split("/")[1:2]):
        return True
    try:
        return formats.query_of(request).get("debug") == "1"
    except GatewayError:
        return False


def _texts(name: str, value: object, form: re.Pattern[str]) -> tuple[str, ...]:
    found = tuple(value) if isinstance(value, list | tuple) else (value,)
    texts: dict[str, None] = {}
    for one in found:
        if not isinstance(one, str) or not form.fullmatch(one):
            raise ValueError(f"oar: {name} cannot be {one!r}")
        texts[one] = None
    return tuple(texts)
