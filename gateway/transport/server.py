"""Sanic, reduced to what is wanted of it: HTTP/1.1 parsing and a listening socket.

Every request goes to the one handler and every upgrade to the one loop; Sanic's routes, error
pages, access log and signal handling are not used. Built once by the composition root.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn, cast

from sanic import Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.config import Config as SanicConfig
from sanic.exceptions import PayloadTooLarge, RequestCancelled, SanicException, ServiceUnavailable
from sanic.http import Http, Stage
from sanic.http.constants import HTTP
from sanic.request import Request as SanicRequest
from sanic.server import AsyncioServer

from gateway import ids
from gateway.auth.identify import Identify
from gateway.auth.origins import Origins
from gateway.auth.proxies import Proxies
from gateway.caller import Caller
from gateway.config import Config
from gateway.config.certificate import Certificate
from gateway.dispatch import Dispatch
from gateway.journal import journal
from gateway.metrics import Metrics
from gateway.services.heavy_work import HeavyWork
from gateway.transport.accept_errors import throttle_accept_errors
from gateway.transport.authenticate import authorization, cookie
from gateway.transport.connections import Connections
from gateway.transport.gateway_protocol import GatewayProtocol
from gateway.transport.http import HttpHandler
from gateway.transport.sanic_adapter import Exchange, Head, plain_reply
from gateway.transport.socket_rounds import SocketRounds
from gateway.transport.switchboard import Switchboard
from gateway.transport.tls import Handshakes, TlsDoor
from gateway.transport.usage import Usage
from gateway.transport.websocket import Conversation
from gateway.transport.websocket_connection import ConnectionLost
from protocol.accounts import Token
from protocol.dialect import Dialect
from protocol.errors import GatewayError, Kind, Subject
from protocol.media import decode_form
from protocol.routing import clean_path

__all__ = ["Server"]

_BACKLOG = 1024
_ACCEPTS_A_TURN = 32
_GOODBYE_SECONDS = 1.0
_HEAD_BYTES = 16_384
_SOCKET_BYTES = 30 << 10
"""Of an idle one, as ``tests.benchmarks.growth`` measures it."""
_journal = journal("gateway.server")


@dataclass(frozen=True, slots=True)
class _Context:
    server: Server
    connections: Connections
    usage: Usage
    crowded: bytes


class _Request(SanicRequest):
    """Sanic's request for a target that need not be a URL: ours is the only one who judges it.

    Sanic's own refusal of such a target fails at the target again, and then nobody is answered.
    """

    def __init__(self, url_bytes: bytes, **more: Any) -> None:  # noqa: ANN401 - handed on unread
        try:
            super().__init__(url_bytes, **more)
        except SanicException:
            super().__init__(b"*", **more)
            self.raw_url = url_bytes


class _App(Sanic[SanicConfig, _Context]):
    """Sanic with both of its doors replaced by ours."""

    def __init__(self, server: Server, config: SanicConfig) -> None:
        super().__init__(
            f"narthex-{ids.new_request_id()}",
            config=config,
            request_class=_Request,
            ctx=_Context(server, server.connections, server.usage, server.crowded()),
            configure_logging=False,
        )

    async def handle_request(self, request: SanicRequest) -> None:
        await self.ctx.server.handle(request)

    async def handle_exception(
        self,
        request: SanicRequest,
        exception: BaseException,
        run_middleware: bool = True,  # noqa: FBT001, FBT002, ARG002 - Sanic's signature
    ) -> None:
        await self.ctx.server.malformed(request, exception)


class Server:
    """The gateway's door to the network."""

    def __init__(  # noqa: PLR0913, PLR0917 - one for each part
        self,
        config: Config,
        handler: HttpHandler,
        switchboard: Switchboard,
        dispatch: Dispatch,
        identify: Identify,
        origins: Origins,
        metrics: Metrics,
        usage: Usage,
        heavy: HeavyWork,
        proxies: Proxies,
        connections: Connections,
        certificate: Certificate | None = None,
    ) -> None:
        self._config = config
        self._certificate = certificate
        self._strict = ""
        if certificate is not None and config.server.hsts_seconds:
            self._strict = f"max-age={config.server.hsts_seconds}"
        self.usage = usage
        self._heavy = heavy
        self._handler = handler
        self._switchboard = switchboard
        self._dispatch = dispatch
        self._identify = identify
        self._origins = origins
        self._proxies = proxies
        self.connections = connections
        self._metrics = metrics
        self._conversations: set[Conversation] = set()
        self._rounds = SocketRounds(config)
        self._active = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False

    @contextlib.asynccontextmanager
    async def serving(self, listener: socket.socket) -> AsyncIterator[None]:
        """Serves on a listening socket for the length of the block, then stops gently."""
        throttle_accept_errors(asyncio.get_running_loop())
        app = _App(self, _sanic_config(self._config))
        app.add_route(_unrouted, "/")
        # Told that only HTTP/1.1 is spoken, Sanic leaves an empty Alt-Svc header out.
        app.state.server_info.append(ApplicationServerInfo({"version": HTTP.VERSION_1}))
        logging.getLogger("sanic").setLevel(logging.ERROR)
        async with asyncio.TaskGroup() as group:
            handshakes = Handshakes(group)
            rounds = group.create_task(self._rounds.run())
            server = await self._created(app, listener, handshakes)
            try:
                yield
            finally:
                await self._stop(server)
                handshakes.abort()
                rounds.cancel()

    async def _created(
        self, app: _App, listener: socket.socket, handshakes: Handshakes
    ) -> AsyncioServer:
        """What takes connections from now on."""
        server = await app.create_server(
            sock=listener,
            protocol=self._protocol(handshakes),
            backlog=_ACCEPTS_A_TURN,
            access_log=False,
            return_asyncio_server=True,
            asyncio_server_kwargs={"start_serving": False},
        )
        if server is None:
            raise RuntimeError("Sanic made no server")
        await server.startup()  # type: ignore[no-untyped-call]  # Sanic leaves it untyped
        await server.start_serving()  # type: ignore[no-untyped-call]
        # The loop takes as many at once as it was told the queue is long: that is told apart here.
        listener.listen(_BACKLOG)
        return server

    def _protocol(self, handshakes: Handshakes) -> type[asyncio.Protocol]:
        """What makes a connection: one in clear, or one that begins with a handshake."""
        if self._certificate is None:
            return GatewayProtocol
        door = partial(TlsDoor, self._certificate, handshakes, self._config.server.header_seconds)
        return cast("type[asyncio.Protocol]", door)

    def socket_bytes(self) -> int:
        """About so much memory is taken by the websockets that are open."""
        return len(self._conversations) * _SOCKET_BYTES

    async def handle(self, request: SanicRequest) -> None:
        """Answers one request or holds one conversation."""
        exchange = Exchange(request, ids.new_request_id(), self._proxies, self._strict)
        protocol = _protocol(request)
        if exchange.upgrade or exchange.claims or not exchange.has_body:
            # The body of somebody unknown may never come: such a connection is not kept for it.
            self.connections.busy(protocol)
        protocol.keep_alive_timeout = self._config.server.keep_alive_seconds
        self._active += 1
        self._idle.clear()
        try:
            if exchange.upgrade:
                await self._converse(exchange, protocol)
            else:
                await self._handler.answer(exchange)
        finally:
            self.connections.idle(protocol, user=bool(exchange.user))
            self._active -= 1
            if not self._active:
                self._idle.set()

    def crowded(self) -> bytes:
        """What is sent to a connection for which there is no room."""
        error = GatewayError(
            Kind.UNAVAILABLE, "too many connections are open here", retry_after=1.0
        )
        return plain_reply(self._handler.refuse("/", error))

    async def malformed(self, request: SanicRequest, exception: BaseException) -> None:
        """Refuses what Sanic could not read, in a dialect's shape."""
        stream = cast("Http | None", request.stream)
        if stream is None or stream.stage is not Stage.HANDLER:
            return
        match exception:
            case RequestCancelled():
                return
            case PayloadTooLarge():
                error = GatewayError(Kind.TOO_LARGE, "the request is too large")
            case ServiceUnavailable():
                error = GatewayError(Kind.UNAVAILABLE, "the answer took too long", retry_after=1.0)
            case SanicException():
                error = GatewayError(Kind.INVALID, "the request is malformed or came too slowly")
            case asyncio.CancelledError():
                return
            case _:
                _journal.error("a request failed", exc_info=exception)
                error = GatewayError(Kind.INTERNAL, "internal error")
        stream.keep_alive = False
        exchange = Exchange(request, ids.new_request_id(), self._proxies, self._strict)
        if isinstance(exception, PayloadTooLarge):
            exchange.refuse_head()
        await exchange.send(self._handler.refuse("/", error))

    async def _converse(self, exchange: Exchange, protocol: GatewayProtocol) -> None:
        path = "/"
        try:
            head = exchange.head()
            host = self._origins.check_host(head.hosts)
            self._origins.check_origin(head.origins, host)
            path = clean_path(head.raw_path)
            conversation = self._upgraded(head, path, protocol)
        except ConnectionLost:
            return
        except GatewayError as error:
            exchange.refuse_upgrade()
            await exchange.send(self._handler.refuse(path, error))
            return
        await self._hold(conversation)

    async def _hold(self, conversation: Conversation) -> None:
        self._conversations.add(conversation)
        self._metrics.sockets.inc()
        try:
            await conversation.run()
        finally:
            self._metrics.sockets.dec()
            self._conversations.discard(conversation)

    def _upgraded(self, head: Head, path: str, protocol: GatewayProtocol) -> Conversation:
        dialect = self._switchboard.socket(path)
        if dialect is None:
            raise GatewayError(Kind.NOT_FOUND, f"no websocket is at {path}", subject=Subject.ROUTE)
        if head.method != "GET":
            raise GatewayError(Kind.UNSUPPORTED, "a websocket is opened with GET")
        query = decode_form(head.query)
        credential = self._credential(head, dialect)
        principal = self._identify(credential) if credential else None
        limits = self._config.limits
        if self._stopping:
            raise GatewayError(Kind.UNAVAILABLE, "the gateway restarts", retry_after=1.0)
        usage = self.usage.socket(principal.name if principal else "", head.address)
        try:
            wire = protocol.upgrade(
                path,
                list(head.headers.items()),
                usage,
                max_bytes=limits.message_bytes,
                inbox=limits.inbox_messages,
                send_seconds=limits.send_seconds,
            )
        except BaseException:
            usage.end()
            raise
        caller = Caller(principal, head.address)
        return Conversation(
            self._config,
            dialect,
            wire,
            self._dispatch,
            self._identify,
            self._heavy,
            self._rounds,
            caller,
            credential,
            query,
        )

    def _credential(self, head: Head, dialect: Dialect) -> Token | None:
        """The credential of an upgrade. A cookie counts only from a known origin.

        A worthless one is refused with the upgrade: a browser then comes back over HTTP at once.
        """
        explicit = authorization(head.headers) or dialect.credential(head.headers)
        if isinstance(explicit, Token):
            return explicit
        offered = cookie(head.headers, dialect.cookie)
        if offered is None:
            return None
        if not head.origins:
            raise GatewayError(
                Kind.FORBIDDEN, "with a cookie an Origin header is needed", field="Origin"
            )
        return offered

    async def _stop(self, server: Any) -> None:  # noqa: ANN401 - Sanic's server is untyped
        self._stopping = True
        server.server.close()
        for conversation in tuple(self._conversations):
            conversation.restart()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.server.shutdown_seconds):
                await self._idle.wait()
        with contextlib.suppress(TimeoutError):
            # Whoever was told why gets a moment to hear it before the line is cut.
            async with asyncio.timeout(_GOODBYE_SECONDS):
                while any(connection.wire for connection in server.connections):  # noqa: ASYNC110 - Sanic's set has no event
                    await asyncio.sleep(_GOODBYE_SECONDS / 50)
        for connection in tuple(server.connections):
            connection.abort()


async def _unrouted(_request: SanicRequest) -> NoReturn:
    """Sanic does not start without a route; requests never get as far as its router."""
    raise RuntimeError("nobody asks this")


def _protocol(request: SanicRequest) -> GatewayProtocol:
    transport = cast("Any", request.transport)
    return cast("GatewayProtocol", transport.get_protocol())


def _sanic_config(config: Config) -> SanicConfig:
    server, limits = config.server, config.limits
    settled = SanicConfig(env_prefix=None)
    settled.update(
        {
            "USE_UVLOOP": False,
            "ACCESS_LOG": False,
            "MOTD": False,
            "TOUCHUP": True,
            "NOISY_EXCEPTIONS": False,
            "AUTO_EXTEND": False,
            "INSPECTOR": False,
            "REQUEST_MAX_SIZE": limits.body_bytes,
            "REQUEST_MAX_HEADER_SIZE": _HEAD_BYTES,
            "REQUEST_TIMEOUT": server.header_seconds,
            "RESPONSE_TIMEOUT": limits.wait_seconds + 30.0,
            "KEEP_ALIVE_TIMEOUT": server.keep_alive_seconds,
            "GRACEFUL_SHUTDOWN_TIMEOUT": server.shutdown_seconds,
        }
    )
    return settled
