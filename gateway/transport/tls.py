"""The door of a gateway that speaks TLS itself: the handshake, before there is a connection.

It counts and can be closed like any other connection from its first moment: who connects and never
says anything holds no more than elsewhere. What is spoken inside is none of its business.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from gateway.config.certificate import Certificate
from gateway.transport.connections import Connections
from gateway.transport.gateway_protocol import GatewayProtocol

__all__ = ["Handshakes", "TlsDoor"]

_GOODBYE_SECONDS = 5.0


class Handshakes:
    """Those that go on at the moment, in a task group that outlasts them."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._doors: set[TlsDoor] = set()

    def begin(self, door: TlsDoor, transport: asyncio.Transport) -> None:
        """Has one go on."""
        self._doors.add(door)
        self._group.create_task(self._held(door, transport))

    def abort(self) -> None:
        """Cuts all of them."""
        for door in tuple(self._doors):
            door.evict()

    async def _held(self, door: TlsDoor, transport: asyncio.Transport) -> None:
        try:
            await door.shake(transport)
        finally:
            self._doors.discard(door)


class TlsDoor(asyncio.Protocol):
    """A connection whose handshake goes on; then it is a connection of the gateway.

    Args:
        certificate: what the handshake is held with.
        handshakes: within which they go on.
        seconds: how long it may take.
        settings: of the connection inside.
    """

    def __init__(
        self,
        certificate: Certificate,
        handshakes: Handshakes,
        seconds: float,
        **settings: Any,  # noqa: ANN401 - handed on to Sanic unread
    ) -> None:
        self._certificate = certificate
        self._handshakes = handshakes
        self._seconds = seconds
        self._inside = GatewayProtocol(**settings)
        self._registry: Connections = settings["app"].ctx.connections
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection, which is cut at once if there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if not self._registry.opened(self, str(peer[0]) if peer else ""):
            self._transport.abort()
            return
        # What comes is for the handshake, which begins a moment later.
        self._transport.pause_reading()
        self._handshakes.begin(self, self._transport)

    def evict(self) -> None:
        """Ends the connection at once: its descriptor is needed."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """It is gone before there was a handshake."""
        self._registry.closed(self)

    async def shake(self, transport: asyncio.Transport) -> None:
        """Holds the handshake, and gives what comes of it to the connection inside."""
        early = _Early()
        try:
            inner = await asyncio.get_running_loop().start_tls(
                transport,
                early,
                self._certificate.context,
                server_side=True,
                ssl_handshake_timeout=self._seconds,
                ssl_shutdown_timeout=_GOODBYE_SECONDS,
            )
        except (OSError, RuntimeError, ValueError):
            transport.abort()  # no TLS, or none that we speak
            return
        finally:
            self._registry.closed(self)
        if inner is not None:
            # By the loop, which tells of a fault in it: it would end all connections here.
            asyncio.get_running_loop().call_soon(self._open, inner, early)

    def _open(self, inner: asyncio.Transport, early: _Early) -> None:
        self._inside.connection_made(inner)
        # Sanic reads in a task of its own, which has to begin before anything comes.
        asyncio.get_running_loop().call_soon(self._hand_on, inner, early)

    def _hand_on(self, inner: asyncio.Transport, early: _Early) -> None:
        """Gives the connection inside what came so far, and has it hear what comes."""
        inner.set_protocol(self._inside)
        if early.lost:
            self._inside.connection_lost(None)
            return
        if early.data:
            self._inside.data_received(bytes(early.data))
        if early.ended and not self._inside.eof_received():
            inner.close()


class _Early(asyncio.Protocol):
    """Takes what was said together with the end of the handshake."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False
        self.lost = False

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> bool:
        self.ended = True
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.lost = True
