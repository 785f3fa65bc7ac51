"""Where a request says it comes from: the Host and Origin headers, held against exact lists.

Pure. A browser on another site, or one that was lured by a name that points at loopback, is
refused here; nothing else a client says about itself is believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gateway.config import Server
from protocol.accounts import Credential
from protocol.errors import GatewayError, Kind

__all__ = ["Origins"]

_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_ANY = frozenset({"0.0.0.0", "::", "[::]"})  # noqa: S104 - names of addresses, nothing is bound
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?", re.ASCII)
_JSON = re.compile(r"application/(?:[a-z0-9.+-]*\+)?json", re.ASCII)
_ALLOWED_HEADERS = "authorization, Content-Type, Token-Code, Token-User, webLogin"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Origins:
    """The names under which the gateway is known and the web origins that may use it."""

    def __init__(self, server: Server) -> None:
        own = () if server.host in _ANY else (_bracketed(server.host),)
        self._hosts = frozenset(
            name.lower() for name in (*_LOCAL, *own, *server.allowed_hosts) if name
        )
        self._origins = frozenset(server.allowed_origins)

    def check_host(self, values: Sequence[str]) -> str:
        """The host that was asked for, with its port as it was sent.

        Raises:
            GatewayError: INVALID unless there is exactly one and it is one of ours.
        """
        found = _HOST.fullmatch(values[0]) if len(values) == 1 else None
        if found is None or found[1].lower() not in self._hosts:
            raise GatewayError(
                Kind.INVALID, "the Host header does not name this gateway", field="Host"
            )
        return values[0].lower()

    def check_origin(self, values: Sequence[str], host: str) -> None:
        """Refuses a web origin that is neither our own nor allowed; none at all passes.

        Raises:
            GatewayError: FORBIDDEN.
        """
        if not values:
            return
        if len(values) > 1 or not self._known(values[0], host):
            raise GatewayError(
                Kind.FORBIDDEN, "this web origin may not use the gateway", field="Origin"
            )

    def opened(self, values: Sequence[str]) -> dict[str, str]:
        """The headers that let a page of another origin read a reply; none unless it is allowed.

        The origin is named: browsers take no ``*`` together with credentials.
        """
        if len(values) != 1 or values[0] not in self._origins:
            return {}
        return {
            "Access-Control-Allow-Origin": values[0],
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Allow-Methods": "POST, GET, OPTIONS, PUT, HEAD, DELETE",
            "Vary": "Origin",
        }

    def check_cookie(self, method: str, headers: Mapping[str, str], credential: Credential) -> None:
        """Refuses what another site could make a browser send by itself.

        Only a credential that the browser adds unasked is in doubt. With one, a request that may
        change something needs a JSON body or a known origin, and any request must not come from
        another site by the browser's own word.

        Raises:
            GatewayError: FORBIDDEN or UNSUPPORTED.
        """
        if not credential.from_cookie:
            return
        known = "origin" in headers  # a foreign one was refused before
        if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"} and not known:
            raise GatewayError(Kind.FORBIDDEN, "a request from another site may not use the cookie")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method not in _SAFE_METHODS and not known and not _JSON.fullmatch(kind):
            raise GatewayError(
                Kind.UNSUPPORTED,
                "with a cookie the content type must be application/json",
                field="Content-Type",
            )

    def _known(self, origin: str, host: str) -> bool:
        return origin in {f"http://{host}", f"https://{host}"} or origin in self._origins


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
