"""One websocket's bytes: the only place that drives the protocol object and touches the transport.

Sanic's own driver starts a task for each chunk it receives, drops invalid UTF-8 in silence, speaks
of a lost peer by cancelling and lets the ping wait behind a blocked send. This one is synchronous
on the way in, bounded both ways, and says ConnectionLost. It must never know what a message means.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from collections import deque
from collections.abc import Iterator

from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from gateway.transport.confirmations import Confirmations
from gateway.transport.usage import SocketUsage
from protocol.dialect import Frame, Send

__all__ = ["ConnectionLost", "WebSocketConnection"]

_CLOSE_SECONDS = 5.0
_DEAF_SECONDS = 1.0
_PIECE_BYTES = 2048
_FRAMES_A_TURN = 128
_POLICY = 1008
_MAX_REASON_BYTES = 123
_AT_ONCE = struct.pack("ii", 1, 0)


class ConnectionLost(Exception):  # noqa: N818 - the ordinary end of a connection
    """The peer is gone or was sent away; nothing more can be said to it."""


class WebSocketConnection:
    """A websocket after its handshake.

    ``inbox`` messages, or as many as make up the largest one, may wait to be received; then reading
    stops until they are taken. A peer that takes none of what is sent for ``send_seconds`` is cut
    off. Frames of every kind are counted by ``usage``, a few at a time between other work of the
    loop; a peer that sends too many is no longer listened to.
    """

    def __init__(
        self,
        protocol: ServerProtocol,
        transport: asyncio.Transport,
        usage: SocketUsage,
        *,
        inbox: int,
        max_bytes: int,
        send_seconds: float,
    ) -> None:
        self._protocol = protocol
        self._transport = transport
        self.usage = usage
        self._room = inbox
        self._room_bytes = max_bytes
        self._send_seconds = send_seconds
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[Frame] = deque()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost = False
        self._together = False
        self._paused = False
        self._opcode: int | None = None
        self._parts = bytearray()
        self._unread = bytearray()
        self._unframed = 0
        self._inbox_bytes = 0
        self._turn: asyncio.Handle | None = None
        self._deaf = False
        self._received_at = self._loop.time()
        self._asked_at = 0.0
        self._ending: asyncio.TimerHandle | None = None
        self.confirmations = Confirmations(self._send_ping)

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
        self._inbox_bytes -= len(message)
        self._hold()
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

    def ping(self) -> bool:
        """Asks the peer whether it is there; whether there was anybody to ask."""
        if self._lost or self._protocol.state is not OPEN:
            return False
        self._asked_at = self._loop.time()
        self._send_ping(b"")
        return True

    def check_pong(self) -> bool:
        """Cuts off a peer that has said nothing since it was pinged; whether it goes on."""
        # While we do not read, silence is ours and not the peer's.
        if self._received_at < self._asked_at and not self._paused:
            self.abort()
            return False
        return True

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
        self._received_at = self._loop.time()
        if self._deaf:
            return
        self._unread += data
        if self._turn is None:
            self._digest()

    def eof_received(self) -> None:
        """The peer will say nothing more."""
        if self._turn is None:
            self._protocol.receive_eof()
        self._flush()
        if self._turn is None and self._protocol.eof_sent:
            # Both have said all they had to say: what is still to be sent is sent, and no more.
            self._transport.close()
        self._end()
        self._arrived.set()

    def connection_lost(self) -> None:
        """The transport is closed."""
        self._lost = True
        self.confirmations.lost()
        # It refers to the protocol, which refers to it: nothing is parsed any more.
        self._protocol.parser.close()
        self._unread.clear()
        for waiting in (self._ending, self._turn):
            if waiting:
                waiting.cancel()
        self.usage.end()
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

    def _digest(self) -> None:
        """Takes apart what has arrived: so many frames, and then others have their turn."""
        self._turn = None
        count = 0
        while self._unread and count < _FRAMES_A_TURN:
            piece = bytes(self._unread[:_PIECE_BYTES])
            del self._unread[:_PIECE_BYTES]
            self._protocol.receive_data(piece)
            self._unframed += len(piece)
            frames = [
                event for event in self._protocol.events_received() if isinstance(event, WireFrame)
            ]
            if frames:
                self._unframed = 0
                count += len(frames)
                for frame in frames:
                    self._take(frame)
            if not (self.usage.frames(len(frames)) and self._hold()):
                self._ignore("too many frames, or too much at once")
                break
        self._flush()
        if self._protocol.state is not OPEN:
            self._end()
            self._arrived.set()
        elif self._unread:
            self._turn = self._loop.call_soon(self._digest)
        self._balance()

    def _hold(self) -> bool:
        return self.usage.holds(self._unframed + len(self._parts) + self._inbox_bytes)

    def _ignore(self, reason: str) -> None:
        """Closes and reads nothing more: whoever floods does not read what we say anyway."""
        self._deaf = True
        self._unread.clear()
        self._transport.pause_reading()
        if self._ending:
            # It was told already that this is the end: it is waited for a moment, not for longer.
            self._ending.cancel()
            self._ending = None
        if self._protocol.state is OPEN:
            self._protocol.send_close(_POLICY, reason)

    def _send_ping(self, payload: bytes) -> None:
        if not self._lost and self._protocol.state is OPEN:
            self._protocol.send_ping(payload)
            self._flush()

    def _take(self, frame: WireFrame) -> None:
        if frame.opcode == Opcode.PONG:
            self.confirmations.answered(bytes(frame.data))
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._opcode = frame.opcode
        elif frame.opcode != Opcode.CONT:
            return
        self._parts += frame.data
        if not frame.fin:
            return
        data = bytes(self._parts)
        self._parts.clear()
        self._inbox_bytes += len(data)
        if self._opcode == Opcode.BINARY:
            self._inbox.append(data)
        else:
            try:
                text = data.decode("utf-8")
                self._inbox_bytes += len(text) - len(data)
                self._inbox.append(text)
            except UnicodeDecodeError:
                self._inbox_bytes -= len(data)
                if self._protocol.state is OPEN:
                    self._protocol.fail(1007, "a text message must be UTF-8")
                return
        self._arrived.set()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is written in the block leaves as one, so that it arrives as one."""
        self._together = True
        try:
            yield
        finally:
            self._together = False
            self._flush()

    def _flush(self) -> None:
        if self._together:
            return
        chunks = self._protocol.data_to_send()
        if self._lost or self._transport.is_closing():
            return
        if data := b"".join(chunks):
            self._transport.write(data)
        if b"" in chunks and self._transport.can_write_eof():
            # Half-closed, so that a last frame is not lost to a reset.
            self._transport.write_eof()

    def _balance(self) -> None:
        """Reads only while there is room for messages and for the answers to pings."""
        full = (
            len(self._inbox) >= self._room
            or self._inbox_bytes >= self._room_bytes
            or bool(self._unread)
            or not self._writable.is_set()
        )
        if self._deaf:
            return
        if full != self._paused and not self._lost and not self._transport.is_closing():
            self._paused = full
            if full and self._protocol.state is OPEN:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _end(self) -> None:
        if self._ending is None and not self._lost:
            seconds = _DEAF_SECONDS if self._deaf else _CLOSE_SECONDS
            self._ending = self._loop.call_later(seconds, self._transport.abort)
            if self._paused and not self._deaf:
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
