"""The one HTTP handler: from bytes to a command through the dialect's table, and back.

Who may is asked before the body is read. Every refusal, and every fault, leaves in the shape of
the dialect that owns the path; this is one of the three places that catch everything.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gateway import clock
from gateway.api_documents.documents import ApiDocuments
from gateway.auth.form_tokens import FormTokens
from gateway.auth.origins import Origins
from gateway.caller import Caller
from gateway.config import Config
from gateway.dispatch import Dispatch
from gateway.journal import bound, journal
from gateway.metrics import Metrics
from gateway.services.heavy_work import HeavyWork
from gateway.tracing.current import following
from gateway.tracing.tracer import traces
from gateway.transport.authenticate import Authenticate
from gateway.transport.health import Health
from gateway.transport.peer_door import PeerDoor
from gateway.transport.sanic_adapter import Exchange, Head
from gateway.transport.static_files import StaticFiles
from gateway.transport.switchboard import Hit, Switchboard
from gateway.transport.usage import Usage
from protocol.accounts import Token
from protocol.commands.login import Renew
from protocol.dialect import Dialect
from protocol.errors import GatewayError, Kind
from protocol.forms import FormValues
from protocol.http import Reply, Request
from protocol.media import decode_pairs
from protocol.routing import clean_beginning, clean_path

__all__ = ["HttpHandler"]

_OF_HTTP = {
    Kind.INVALID: 400,
    Kind.TOO_LARGE: 431,
    Kind.EXHAUSTED: 429,
    Kind.UNAVAILABLE: 503,
}
_UNSUPPORTED_MEDIA = 415
_NO_BODY = nullcontext()
_NO_TRACE = nullcontext()
_NO_QUERY = FormValues()
_journal = journal("gateway.http")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is known before a route is: host, clean path, and which origins may ask besides."""

    host: str
    path: str
    also: frozenset[str]


class HttpHandler:
    """Answers HTTP requests for all dialects."""

    def __init__(  # noqa: PLR0913, PLR0917 - one for each part
        self,
        config: Config,
        switchboard: Switchboard,
        dispatch: Dispatch,
        authenticate: Authenticate,
        origins: Origins,
        health: Health,
        metrics: Metrics,
        usage: Usage,
        heavy: HeavyWork,
        form_tokens: FormTokens,
        documents: ApiDocuments,
        peers: PeerDoor | None = None,
    ) -> None:
        self._peers = peers
        self._usage = usage
        self._form_tokens = form_tokens
        self._heavy = heavy
        self._limits = config.limits
        self._seconds = config.server.header_seconds
        self._ticket_seconds = config.auth.token_seconds
        self._switchboard = switchboard
        self._dispatch = dispatch
        self._authenticate = authenticate
        self._public_url = config.server.public_url
        self._origins = origins
        self._health = health
        self._metrics = metrics
        self._static = StaticFiles()
        self._traces = traces(config.tracing)
        self._documents = documents

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
                _journal.warning("a reply broke off", route=labels[1], error=error.message)
                raise
            except Exception:
                _journal.exception("a reply broke off", route=labels[1])
                raise
        dialect, route = labels
        self._metrics.answered(dialect, route, status, time.perf_counter() - began)

    def refuse(self, path: str, error: GatewayError) -> Reply:
        """The refusal of a request that no dialect has seen.

        What is wrong with the request itself has the status of HTTP's own, whatever the dialect
        makes of the kind: whoever is in between understands that.
        """
        request = Request("GET", path, now_ms=clock.now_ms())
        reply = _with_retry_after(self._switchboard.nearest(path).refuse(error, request), error)
        return replace(reply, status=_OF_HTTP.get(error.kind, reply.status))

    async def _reply(self, exchange: Exchange, labels: list[str]) -> Reply:
        raw = "/"
        try:
            head = exchange.head()
            raw = head.raw_path
            if self._peers is not None and head.method == "POST" and self._peers.knows(raw):
                labels[:] = ["", raw]
                return await self._peers.answer(exchange, head.headers, head.address)
            host = self._origins.check_host(head.hosts)
            path = clean_path(raw)
        except GatewayError as error:
            if error.kind is not Kind.UNSUPPORTED:
                exchange.hang_up()
            reply = self.refuse(clean_beginning(raw), error)
            # Of a head only the coding of the body is unsupported: the path may well be known.
            coded = error.kind is Kind.UNSUPPORTED
            return replace(reply, status=_UNSUPPORTED_MEDIA) if coded else reply
        also = self._switchboard.origins(path) if head.origins else frozenset()
        opened = self._origins.opened(head.origins, also)
        if opened and head.method == "OPTIONS":
            return Reply(204, b"", "", opened)
        reply = await self._answered(exchange, head, _Asked(host, path, also), labels)
        return replace(reply, headers={**reply.headers, **opened}) if opened else reply

    async def _answered(
        self, exchange: Exchange, head: Head, asked: _Asked, labels: list[str]
    ) -> Reply:
        path = asked.path
        dialect: Dialect | None = None
        try:
            if self._health.knows(path):
                labels[:] = ["", path]
                return await self._health.answer(head.method, path)
            if self._static.knows(head.method, path, head.headers):
                labels[:] = ["", path]
                return self._static.answer(head.method, path, head.headers)
            if self._documents.knows(path):
                labels[:] = ["", path]
                return await self._documents.answer(head.method, path, head.headers)
            self._origins.check_origin(head.origins, asked.host, asked.also)
            hit = self._switchboard.find(head.method, path)
            dialect = hit.dialect
            labels[:] = [dialect.name, hit.route.template]
            return await self._routed(exchange, head, hit, asked.host)
        except GatewayError as error:
            refusal = error
        except Exception:  # noqa: BLE001 - one of the three boundaries
            _journal.exception("a request failed", route=labels[1])
            refusal = GatewayError(
                Kind.INTERNAL, f"internal error, see the log for request {exchange.request_id}"
            )
        dialect = dialect or self._switchboard.nearest(path)
        request = Request(
            head.method,
            path,
            headers=head.headers,
            now_ms=clock.now_ms(),
            base=self._base(exchange, asked.host),
            target=head.target,
        )
        return _with_retry_after(dialect.refuse(refusal, request), refusal)

    def _base(self, exchange: Exchange, host: str, prefix: str = "") -> str:
        """The public address below which a dialect's paths stand."""
        scheme = "https" if exchange.secure else "http"
        return f"{self._public_url or f'{scheme}://{host}'}{prefix}"

    async def _routed(self, exchange: Exchange, head: Head, hit: Hit, host: str) -> Reply:
        now_ms, base = clock.now_ms(), self._base(exchange, host, hit.prefix)
        try:
            with following(head.headers) if self._traces else _NO_TRACE:
                return await self._carried_out(exchange, head, hit, now_ms, base)
        except GatewayError as error:
            bare = Request(
                head.method,
                hit.path,
                hit.params,
                headers=head.headers,
                now_ms=now_ms,
                base=base,
                target=head.target,
                suffix=hit.suffix,
            )
            return _with_retry_after(hit.dialect.refuse(error, bare), error)

    async def _carried_out(
        self, exchange: Exchange, head: Head, hit: Hit, now_ms: int, base: str
    ) -> Reply:
        route = hit.route
        principal = await self._authenticate(head, hit)
        caller = Caller(principal, head.address, hit.reads)
        user = exchange.user = principal.name if principal else ""
        received = exchange.has_body and not route.streams
        with self._usage.body(user, head.address) if received else _NO_BODY as usage:
            body = b""
            if usage is not None:
                # What strangers send has no reason to be long.
                most = self._limits.open_body_bytes if not user else self._limits.body_bytes
                body = await exchange.body(most, self._seconds, usage)
            most = self._limits.upload_bytes
            request = Request(
                head.method,
                hit.path,
                hit.params,
                FormValues(decode_pairs(head.query)) if head.query else _NO_QUERY,
                head.headers,
                body,
                exchange.chunks(most, self._seconds) if route.streams else None,
                now_ms,
                user=user,
                base=base,
                target=head.target,
                suffix=hit.suffix,
                form_token=self._form_tokens.of(user),
            )
            if body and hit.heavy(body):
                parse = partial(route.parse, request)
                command = await self._heavy.run(user or head.address, parse)
            else:
                command = route.parse(request)
        if route.slow:
            async with self._heavy.pages.turn(user):
                result: Any = await self._dispatch(caller, command)
                reply = await self._heavy.run(user, partial(route.render, result, request))
        else:
            reply = route.render(await self._dispatch(caller, command), request)
        return await self._slid(caller, head, hit.dialect, reply)

    async def _slid(self, caller: Caller, head: Head, dialect: Dialect, reply: Reply) -> Reply:
        """The reply, with a fresh cookie if half of the life of the one that came is over."""
        principal = caller.principal
        half = self._ticket_seconds * 500
        if principal is None or reply.cookies or principal.expires_ms - clock.now_ms() > half:
            return reply
        credential = self._authenticate.credential(head, dialect, passwords=True)
        if not isinstance(credential, Token) or not credential.from_cookie:
            return reply
        ticket = await self._dispatch(caller, Renew())
        return replace(reply, cookies={dialect.cookie: ticket.token}) if ticket else reply


def _with_retry_after(reply: Reply, error: GatewayError) -> Reply:
    """The refusal with the time after which a repetition may succeed, unless it says it already."""
    if not error.retry_after or any(name.lower() == "retry-after" for name in reply.headers):
        return reply
    seconds = str(max(1, round(error.retry_after)))
    return replace(reply, headers={**reply.headers, "retry-after": seconds})
