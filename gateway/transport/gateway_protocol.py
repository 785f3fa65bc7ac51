"""One connection of the server: HTTP until a websocket is asked for, then that.

Sanic's own, with our websocket in place of its, stricter clocks, and its place in the registry of
connections. It must never know what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from string import ascii_letters, digits
from typing import Any, cast

from sanic.http import Stage
from sanic.server.protocols.websocket_protocol import WebSocketProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request as UpgradeRequest
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from gateway.transport.connections import Connections
from gateway.transport.lingering import Unheard, linger
from gateway.transport.strict_http import StrictHttp
from gateway.transport.usage import SocketUsage, Usage
from gateway.transport.websocket_connection import ConnectionLost, WebSocketConnection
from protocol.errors import GatewayError, Kind

__all__ = ["GatewayProtocol"]

_BEGINNINGS = b"\r\n!#$%&'*+-.^_`|~" + (ascii_letters + digits).encode()
"""What a request may begin with: a method, or an empty line before it."""
_NO_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 35\r\n"
    b'connection: close\r\n\r\n{"error":"the request is not HTTP"}'
)


class GatewayProtocol(WebSocketProtocol):
    """Sanic's connection with our wire in place of its websocket, and stricter clocks.

    A head that trickles in does not renew its deadline, and a connection that never asks anything
    has no longer than one that asks slowly.
    """

    __slots__ = ("_registry", "_spoken", "_usage", "wire")
    HTTP_CLASS = StrictHttp

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - handed on to Sanic unread
        super().__init__(**settings)
        self._spoken = False
        self.wire: WebSocketConnection | None = None
        self._registry: Connections = self.app.ctx.connections
        self._usage: Usage = self.app.ctx.usage
        self.keep_alive_timeout = self.request_timeout

    def upgrade(
        self,
        path: str,
        headers: Sequence[tuple[str, str]],
        usage: SocketUsage,
        *,
        max_bytes: int,
        inbox: int,
        send_seconds: float,
    ) -> WebSocketConnection:
        """Answers the handshake and changes over to websocket.

        Raises:
            GatewayError: INVALID if the request is no proper handshake.
        """
        protocol = ServerProtocol(max_size=max_bytes, state=OPEN)
        response = protocol.accept(UpgradeRequest(path, Headers(headers)))
        if response.status_code != 101:  # noqa: PLR2004 - switching protocols
            raise GatewayError(Kind.INVALID, "this is not a proper websocket handshake")
        transport = self.transport
        if transport is None or transport.is_closing():
            raise ConnectionLost
        lines = [f"HTTP/1.1 101 {response.reason_phrase}"]
        lines += [f"{name}: {value}" for name, value in response.headers.raw_items()]
        transport.write("\r\n".join([*lines, "", ""]).encode("ascii"))
        self.wire = WebSocketConnection(
            protocol, transport, usage, inbox=inbox, max_bytes=max_bytes, send_seconds=send_seconds
        )
        early = bytes(self.recv_buffer)
        self.recv_buffer.clear()
        if early:
            self.wire.data_received(early)
        return self.wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection, which is refused at once if there are too many."""
        peer = transport.get_extra_info("peername")
        if not self._registry.opened(self, str(peer[0]) if peer else ""):
            cast("asyncio.Transport", transport).write(self.app.ctx.crowded)
            transport.close()
            return
        super().connection_made(transport)  # type: ignore[no-untyped-call]  # as below

    def evict(self) -> None:
        """Ends the connection at once: its descriptor is needed."""
        if self.transport is not None:
            self.transport.abort()

    async def linger(self, unheard: Unheard) -> None:
        """Lets a client that still sends read what it was answered."""
        await linger(self, self._usage, unheard)

    def data_received(self, data: bytes) -> None:
        """Takes bytes; those of a head do not renew its deadline."""
        if self.wire is not None:
            self.wire.data_received(data)
            return
        if self.conn_info is None:
            return  # it was refused
        began = self._time
        reading = self._http is not None and self._http.stage is Stage.REQUEST
        first, self._spoken = not self._spoken, True
        if first and data[:1] not in _BEGINNINGS and self.transport:
            # No request begins so, but TLS does: whoever speaks it must not wait for an answer.
            self.transport.write(_NO_HTTP)
            self.transport.close()
            return
        super().data_received(data)  # type: ignore[no-untyped-call]  # Sanic leaves it untyped
        if reading:
            self._time = began

    def eof_received(self) -> bool | None:
        """The peer will say nothing more; a websocket may still be told something."""
        if self.wire is not None:
            self.wire.eof_received()
            return True
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; a websocket's conversation is told, not cancelled."""
        self._registry.closed(self)
        if self.conn_info is None:
            return  # it was refused
        if self.wire is not None:
            self.wire.connection_lost()
            self._task = None  # the conversation ends by itself, by ConnectionLost
        super().connection_lost(exc)  # type: ignore[no-untyped-call]  # as above
        clock = cast("asyncio.TimerHandle | None", self._callback_check_timeouts)
        if clock is not None:
            # It refers to this object, which refers to it, also when its time is over.
            clock.cancel()

    def pause_writing(self) -> None:
        """The buffer towards the peer is full."""
        super().pause_writing()  # type: ignore[no-untyped-call]  # as above
        if self.wire is not None:
            self.wire.pause_writing()

    def resume_writing(self) -> None:
        """The buffer towards the peer has room."""
        super().resume_writing()  # type: ignore[no-untyped-call]  # as above
        if self.wire is not None:
            self.wire.resume_writing()

    def close(self, timeout: float | None = None) -> None:
        """Ends the connection; a websocket by its closing handshake."""
        if self.wire is not None:
            self.wire.close(1000, "")
            return
        super().close(timeout)
