"""The one HTTP handler: from bytes to a command through the dialect's table, and back.

Who may is asked before the body is read. Every refusal, and every fault, leaves in the shape of
the dialect that owns the path; this is one of the three places that catch everything.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterable
from dataclasses import replace
from typing import Any

from gateway import clock
from gateway.auth.guard import Caller
from gateway.auth.identify import Identify
from gateway.auth.origins import Origins
from gateway.config import Config
from gateway.dispatch import Dispatch
from gateway.journal import bound, journal
from gateway.metrics import Metrics
from gateway.transport.exchange import Exchange, Head, bearer, cookie
from gateway.transport.health import Health
from gateway.transport.switchboard import Hit, Switchboard
from protocol.accounts import Credential, Principal
from protocol.commands import Renew
from protocol.dialect import Dialect
from protocol.errors import GatewayError, Kind
from protocol.http import Reply, Request
from protocol.media import decode_form
from protocol.routing import clean_path

__all__ = ["HttpHandler"]

_OF_HTTP = {Kind.INVALID: 400, Kind.TOO_LARGE: 431}
_UNSUPPORTED_MEDIA = 415
_PREFLIGHT = "access-control-request-method"
_log = journal("gateway.http")


class HttpHandler:
    """Answers HTTP requests for all dialects."""

    def __init__(
        self,
        config: Config,
        switchboard: Switchboard,
        dispatch: Dispatch,
        identify: Identify,
        origins: Origins,
        health: Health,
        metrics: Metrics,
    ) -> None:
        self._limits = config.limits
        self._seconds = config.server.header_seconds
        self._ticket_seconds = config.auth.token_seconds
        self._switchboard = switchboard
        self._dispatch = dispatch
        self._identify = identify
        self._origins = origins
        self._health = health
        self._metrics = metrics

    async def answer(self, exchange: Exchange) -> None:
        """Answers one request, whatever is in it."""
        began = time.perf_counter()
        labels = ["", ""]
        with bound(request=exchange.request_id):
            try:
                reply = await self._reply(exchange, labels)
                status = reply.status
                await exchange.send(reply)
            # Only what happens while a reply is under way gets here: the line is cut.
            except GatewayError as error:
                _log.warning("a reply broke off", route=labels[1], error=error.message)
                raise
            except Exception:
                _log.exception("a reply broke off", route=labels[1])
                raise
        self._metrics.requests.labels(*labels, status).inc()
        self._metrics.request_seconds.labels(*labels).observe(time.perf_counter() - began)

    def refuse(self, path: str, error: GatewayError) -> Reply:
        """The refusal of a request that no dialect has seen.

        What is wrong with the request itself has the status of HTTP's own, whatever the dialect
        makes of the kind: whoever is in between understands that.
        """
        request = Request("GET", path, now_ms=clock.now_ms())
        reply = _with_patience(self._switchboard.nearest(path).refuse(error, request), error)
        return replace(reply, status=_OF_HTTP.get(error.kind, reply.status))

    async def _reply(self, exchange: Exchange, labels: list[str]) -> Reply:
        path = "/"
        try:
            head = exchange.head()
            host = self._origins.check_host(head.hosts)
            path = clean_path(head.raw_path)
        except GatewayError as error:
            reply = self.refuse(path, error)
            # Of a head only the coding of the body is unsupported: the path may well be known.
            coded = error.kind is Kind.UNSUPPORTED
            return replace(reply, status=_UNSUPPORTED_MEDIA) if coded else reply
        opened = self._origins.opened(head.origins)
        if opened and head.method == "OPTIONS" and _PREFLIGHT in head.headers:
            return Reply(204, b"", "", opened)
        reply = await self._answered(exchange, head, host, path, labels)
        return replace(reply, headers={**reply.headers, **opened}) if opened else reply

    async def _answered(
        self, exchange: Exchange, head: Head, host: str, path: str, labels: list[str]
    ) -> Reply:
        dialect: Dialect | None = None
        try:
            if self._health.knows(path):
                labels[:] = ["", path]
                return await self._health.answer(head.method, path)
            self._origins.check_origin(head.origins, host)
            hit = self._switchboard.find(head.method, path)
            dialect = hit.dialect
            labels[:] = [dialect.name, hit.route.template]
            return await self._routed(exchange, head, hit)
        except GatewayError as error:
            refusal = error
        except Exception:  # noqa: BLE001 - one of the three boundaries
            _log.exception("a request failed", route=labels[1])
            refusal = GatewayError(
                Kind.INTERNAL, f"internal error, see the log for request {exchange.request_id}"
            )
        dialect = dialect or self._switchboard.nearest(path)
        request = Request(head.method, path, headers=head.headers, now_ms=clock.now_ms())
        return _with_patience(dialect.refuse(refusal, request), refusal)

    async def _routed(self, exchange: Exchange, head: Head, hit: Hit) -> Reply:
        now_ms = clock.now_ms()
        try:
            return await self._carried_out(exchange, head, hit, now_ms)
        except GatewayError as error:
            request = Request(
                head.method, hit.path, hit.params, headers=head.headers, now_ms=now_ms
            )
            return _with_patience(hit.dialect.refuse(error, request), error)

    async def _carried_out(self, exchange: Exchange, head: Head, hit: Hit, now_ms: int) -> Reply:
        route = hit.route
        principal = self._principal(head, hit)
        caller = Caller(principal, head.address)
        query = decode_form(head.query) if head.query else {}
        body = b""
        chunks: AsyncIterable[bytes] | None = None
        if route.streams:
            chunks = exchange.chunks(self._limits.upload_bytes, self._seconds)
        else:
            body = await exchange.body(self._limits.body_bytes, self._seconds)
        request = Request(
            head.method,
            hit.path,
            hit.params,
            query,
            head.headers,
            body,
            chunks,
            now_ms,
            user=principal.name if principal else "",
        )
        result: Any = await self._dispatch(caller, route.parse(request))
        return await self._slid(caller, head, hit.dialect, route.render(result, request))

    async def _slid(self, caller: Caller, head: Head, dialect: Dialect, reply: Reply) -> Reply:
        """The reply, with a fresh cookie if half of the life of the one that came is over."""
        principal = caller.principal
        half = self._ticket_seconds * 500
        if principal is None or reply.cookies or principal.expires_ms - clock.now_ms() > half:
            return reply
        credential = self._credential(head, dialect)
        if credential is None or not credential.from_cookie:
            return reply
        ticket = await self._dispatch(caller, Renew())
        return replace(reply, cookies={dialect.cookie: ticket.token}) if ticket else reply

    def _principal(self, head: Head, hit: Hit) -> Principal | None:
        """Who asks; None only on a route that is open to strangers."""
        if hit.route.open:
            return self._stranger(head, hit)
        credential = self._credential(head, hit.dialect)
        if credential is None:
            raise GatewayError(Kind.UNAUTHENTICATED, "you are not logged in, please login first")
        principal = self._identify(credential)
        self._origins.check_cookie(head.method, head.headers, credential)
        return principal

    def _stranger(self, head: Head, hit: Hit) -> Principal | None:
        """On an open route a credential counts if it is good and is no reason to refuse if not."""
        try:
            credential = self._credential(head, hit.dialect)
            if credential is None:
                return None
            self._origins.check_cookie(head.method, head.headers, credential)
            return self._identify(credential)
        except GatewayError:
            return None

    def _credential(self, head: Head, dialect: Dialect) -> Credential | None:
        own = bearer(head.headers) or dialect.credential(head.headers)
        return own or cookie(head.headers, dialect.cookie)


def _with_patience(reply: Reply, error: GatewayError) -> Reply:
    """The refusal with the time after which a repetition may succeed, unless it says it already."""
    if not error.retry_after or any(name.lower() == "retry-after" for name in reply.headers):
        return reply
    seconds = str(max(1, round(error.retry_after)))
    return replace(reply, headers={**reply.headers, "retry-after": seconds})
