"""One websocket's bytes: the only place that drives the protocol object and touches the transport.

Sanic's own driver starts a task for each chunk it receives, drops invalid UTF-8 in silence, speaks
of a lost peer by cancelling and lets the ping wait behind a blocked send. This one is synchronous
on the way in, bounded both ways, and says ConnectionLost. It must never know what a message means.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from collections import deque
from collections.abc import Sequence
from typing import Any

from sanic.http import Stage
from sanic.server.protocols.websocket_protocol import WebSocketProtocol
from websockets.datastructures import Headers
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.http11 import Request as UpgradeRequest
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from protocol.dialect import Frame, Send
from protocol.errors import GatewayError, Kind

__all__ = ["ConnectionLost", "GatewayProtocol", "Wire"]

_CLOSE_SECONDS = 5.0
_MAX_REASON_BYTES = 123
_AT_ONCE = struct.pack("ii", 1, 0)


class ConnectionLost(Exception):  # noqa: N818 - the ordinary end of a connection
    """The peer is gone or was sent away; nothing more can be said to it."""


class Wire:
    """A websocket after its handshake.

    ``inbox`` messages may wait to be received; then reading stops until they are taken. A peer
    that takes none of what is sent for ``send_seconds`` is cut off.
    """

    def __init__(
        self,
        protocol: ServerProtocol,
        transport: asyncio.Transport,
        *,
        inbox: int,
        send_seconds: float,
    ) -> None:
        self._protocol = protocol
        self._transport = transport
        self._room = inbox
        self._send_seconds = send_seconds
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[Frame] = deque()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost = False
        self._paused = False
        self._opcode: int | None = None
        self._parts = bytearray()
        self._heard = self._loop.time()
        self._ending: asyncio.TimerHandle | None = None

    async def receive(self) -> Frame:
        """The next whole message.

        Raises:
            ConnectionLost: there will be no other.
        """
        while not self._inbox:
            if self._lost or self._protocol.state is not OPEN:
                raise ConnectionLost
            self._arrived.clear()
            await self._arrived.wait()
        message = self._inbox.popleft()
        self._balance()
        return message

    @property
    def ready(self) -> bool:
        """Whether a message can be handed over at once: the peer is there and not behind."""
        return self._writable.is_set() and not self._lost and self._protocol.state is OPEN

    def write(self, message: Send) -> bool:
        """Hands a message to the system without waiting; only while it is ready for one.

        Whether the peer keeps up, so that there is nothing to wait for.
        """
        frame = message.frame
        if isinstance(frame, str):
            self._protocol.send_text(frame.encode("utf-8", "replace"))
        elif message.text:
            self._protocol.send_text(frame)
        else:
            self._protocol.send_binary(frame)
        self._flush()
        return self._writable.is_set()

    async def taken(self) -> None:
        """Waits while the peer is behind.

        Raises:
            ConnectionLost: the peer is gone, or took nothing for too long and was cut off.
        """
        while not self._writable.is_set():
            await self._progress()
        if self._lost:
            raise ConnectionLost

    async def alive(self, ping_seconds: float, pong_seconds: float) -> None:
        """Pings for ever; returns after it has cut off a peer that did not answer."""
        while True:
            await asyncio.sleep(ping_seconds)
            if self._lost or self._protocol.state is not OPEN:
                return
            asked = self._loop.time()
            self._protocol.send_ping(b"")
            self._flush()
            await asyncio.sleep(pong_seconds)
            # While we do not read, silence is ours and not the peer's.
            if self._heard < asked and not self._paused:
                self.abort()

    def close(self, code: int, reason: str) -> None:
        """Begins the closing handshake; the connection ends soon whatever the peer does."""
        if not self._lost and self._protocol.state is OPEN:
            short = reason.encode()[:_MAX_REASON_BYTES].decode("utf-8", "ignore")
            self._protocol.send_close(code, short)
            self._flush()
        self._end()
        self._arrived.set()

    def abort(self) -> None:
        """Cuts the connection off, also from what the system still holds for its peer."""
        connection = self._transport.get_extra_info("socket")
        if connection is not None and connection.fileno() >= 0:
            # Without this the system goes on offering unsent bytes to a peer that takes none.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Takes bytes from the transport."""
        self._heard = self._loop.time()
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, WireFrame):
                self._take(event)
        self._flush()
        if self._protocol.state is not OPEN:
            self._end()
            self._arrived.set()
        self._balance()

    def eof_received(self) -> None:
        """The peer will say nothing more."""
        self._protocol.receive_eof()
        self._flush()
        self._end()
        self._arrived.set()

    def connection_lost(self) -> None:
        """The transport is closed."""
        self._lost = True
        if self._ending:
            self._ending.cancel()
        self._writable.set()
        self._arrived.set()

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._writable.clear()
        self._balance()

    def resume_writing(self) -> None:
        """The transport's buffer has room."""
        self._writable.set()
        self._balance()

    def _take(self, frame: WireFrame) -> None:
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._opcode = frame.opcode
        elif frame.opcode != Opcode.CONT:
            return
        self._parts += frame.data
        if not frame.fin:
            return
        data = bytes(self._parts)
        self._parts.clear()
        if self._opcode == Opcode.BINARY:
            self._inbox.append(data)
        else:
            try:
                self._inbox.append(data.decode("utf-8"))
            except UnicodeDecodeError:
                if self._protocol.state is OPEN:
                    self._protocol.fail(1007, "a text message must be UTF-8")
                return
        self._arrived.set()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self._lost or self._transport.is_closing():
                return
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                # Half-closed, so that a last frame is not lost to a reset.
                self._transport.write_eof()

    def _balance(self) -> None:
        """Reads only while there is room for messages and for the answers to pings."""
        full = len(self._inbox) >= self._room or not self._writable.is_set()
        if full != self._paused and not self._lost and not self._transport.is_closing():
            self._paused = full
            if full and self._protocol.state is OPEN:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _end(self) -> None:
        if self._ending is None and not self._lost:
            self._ending = self._loop.call_later(_CLOSE_SECONDS, self._transport.abort)
            if self._paused:
                self._paused = False
                self._transport.resume_reading()

    async def _progress(self) -> None:
        """Waits for room, as long as the peer takes anything at all."""
        before = self._unsent()
        try:
            async with asyncio.timeout(self._send_seconds):
                await self._writable.wait()
        except TimeoutError:
            if self._unsent() >= before:
                self.abort()
                raise ConnectionLost from None

    def _unsent(self) -> int:
        """Bytes that the peer has not taken: in our buffer and in the system's."""
        queued = 0
        connection = self._transport.get_extra_info("socket")
        if connection is not None and connection.fileno() >= 0:
            answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
            queued = struct.unpack("i", answer)[0]
        return self._transport.get_write_buffer_size() + queued


class GatewayProtocol(WebSocketProtocol):
    """Sanic's connection with our wire in place of its websocket, and stricter clocks.

    A head that trickles in does not renew its deadline, and a connection that never asks anything
    has no longer than one that asks slowly.
    """

    __slots__ = ("wire",)

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - handed on to Sanic unread
        super().__init__(**settings)
        self.wire: Wire | None = None
        self.keep_alive_timeout = self.request_timeout

    def upgrade(
        self,
        path: str,
        headers: Sequence[tuple[str, str]],
        *,
        max_bytes: int,
        inbox: int,
        send_seconds: float,
    ) -> Wire:
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
        self.wire = Wire(protocol, transport, inbox=inbox, send_seconds=send_seconds)
        early = bytes(self.recv_buffer)
        self.recv_buffer.clear()
        if early:
            self.wire.data_received(early)
        return self.wire

    def data_received(self, data: bytes) -> None:
        """Takes bytes; those of a head do not renew its deadline."""
        if self.wire is not None:
            self.wire.data_received(data)
            return
        began = self._time
        reading = self._http is not None and self._http.stage is Stage.REQUEST
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
        if self.wire is not None:
            self.wire.connection_lost()
            self._task = None  # the conversation ends by itself, by ConnectionLost
        super().connection_lost(exc)  # type: ignore[no-untyped-call]  # as above

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
