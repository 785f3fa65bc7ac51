"""Where a request says it comes from: the Host and Origin headers, held against exact lists.

Pure. A browser on another site, or one that was lured by a name that points at loopback, is
refused here; nothing else a client says about itself is believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gateway.config import Server
from protocol.accounts import Credential, Password
from protocol.errors import GatewayError, Kind

__all__ = ["Origins"]

_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_ANY = frozenset({"0.0.0.0", "::", "[::]"})  # noqa: S104 - names of addresses, nothing is bound
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?", re.ASCII)
_JSON = re.compile(r"application/(?:[a-z0-9.+-]*\+)?json", re.ASCII)
_ALLOWED_HEADERS = "authorization, Content-Type, Token-Code, Token-User, webLogin"
_UNSHOWN = re.compile(r"[^A-Za-z0-9._:/\[\]-]")
_LONGEST_SHOWN = 100
_BROWSERS = ("mozilla/", "opera/")
_TELLING = frozenset({"sec-fetch-site", "referer", "user-agent"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


_ANY_PAGE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS, PUT, HEAD, DELETE",
}


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
                Kind.INVALID,
                f"the Host header does not name this gateway: {_shown(values)} is not in "
                "server.allowed_hosts",
                field="Host",
            )
        return values[0].lower()

    def check_origin(
        self, values: Sequence[str], host: str, also: frozenset[str] = frozenset()
    ) -> None:
        """Refuses a web origin that is neither our own nor allowed; none at all passes.

        ``also`` are the origins to which the dialect of the path is opened, ``*`` for any.

        Raises:
            GatewayError: FORBIDDEN.
        """
        if not values:
            return
        opened = "*" in also or values[0] in also
        if len(values) > 1 or not (opened or self._known(values[0], host)):
            raise GatewayError(
                Kind.FORBIDDEN,
                f"this web origin may not use the gateway: {_shown(values)} is neither "
                f"{_shown([host])} nor in server.allowed_origins",
                field="Origin",
            )

    def opened(self, values: Sequence[str], also: frozenset[str] = frozenset()) -> dict[str, str]:
        """The headers that let a page of another origin read a reply; none unless it is allowed.

        The origin is named: browsers take no ``*`` together with credentials. With ``*`` in
        ``also`` any page may read, and none with what its browser remembers.
        """
        if len(values) != 1:
            return {}
        if values[0] not in self._origins and values[0] not in also:
            return dict(_ANY_PAGE) if "*" in also else {}
        return {
            "Access-Control-Allow-Origin": values[0],
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Allow-Methods": "POST, GET, OPTIONS, PUT, HEAD, DELETE",
            "Vary": "Origin",
        }

    def check_cookie(
        self,
        method: str,
        headers: Mapping[str, str],
        credential: Credential,
        *,
        harmless: bool = False,
        form: bool = False,
        acts: bool = False,
    ) -> None:
        """Refuses what another site could make a browser send by itself.

        Only a credential that the browser adds unasked is in doubt. With a password the browser's
        own word and the origin decide: clients that are no browser send forms. With a cookie, a
        request that may change something needs a JSON body or a known origin, and any request must
        not come from another site by the browser's own word. ``harmless`` says that nothing can be
        changed. A ``form`` may come without an origin from our own pages and from what is no
        browser; so may a GET that ``acts``.

        Raises:
            GatewayError: FORBIDDEN or UNSUPPORTED.
        """
        if not credential.ambient:
            return
        known = "origin" in headers  # a foreign one was refused before
        if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"} and not known:
            raise GatewayError(
                Kind.FORBIDDEN, "a request from another site may not use what a browser remembers"
            )
        if isinstance(credential, Password):
            return
        typed = headers.get("sec-fetch-site") == "none"
        reported = not _TELLING.isdisjoint(headers)
        if (
            acts
            and method in _SAFE_METHODS
            and not (known or typed or (reported and self._ours(headers)))
        ):
            raise GatewayError(
                Kind.FORBIDDEN,
                "with a cookie this needs POST, or an Origin or Sec-Fetch-Site header",
            )
        if method in _SAFE_METHODS or known or harmless:
            return
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if not _JSON.fullmatch(kind) and not (form and self._ours(headers)):
            raise GatewayError(
                Kind.UNSUPPORTED,
                "with a cookie the content type must be application/json",
                field="Content-Type",
            )

    def _ours(self, headers: Mapping[str, str]) -> bool:
        """Whether a request without an origin comes from a page of ours, or from no page at all."""
        if headers.get("sec-fetch-site") == "same-origin":
            return True
        if referer := headers.get("referer"):
            return self._known("/".join(referer.split("/")[:3]), headers.get("host", ""))
        # No page can change these two, and every browser sends the second.
        browser = headers.get("user-agent", "").lower().startswith(_BROWSERS)
        return "sec-fetch-site" not in headers and not browser

    def _known(self, origin: str, host: str) -> bool:
        return origin in {f"http://{host}", f"https://{host}"} or origin in self._origins


def _shown(values: Sequence[str]) -> str:
    """What came, for a sentence: short, and with nothing in it that could be taken for words."""
    if len(values) != 1:
        return f"what came in {len(values)} headers"
    return repr(_UNSHOWN.sub("?", values[0])[:_LONGEST_SHOWN])


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
