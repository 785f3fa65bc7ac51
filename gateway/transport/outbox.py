"""What waits to be sent on one websocket: one order for everything, one writer.

Whoever produces much waits until its frames are gone before it produces more; nothing is ever
dropped, repeated or piled up for a slow reader. While nothing waits and the peer is not behind, a
frame goes out at once, without a turn of the loop for it.
"""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.transport.websocket_connection import ConnectionLost, WebSocketConnection
from protocol.dialect import Send

__all__ = ["Outbox"]


class Outbox:
    """Frames in the order in which they were put, on their way to a wire."""

    def __init__(self, wire: WebSocketConnection) -> None:
        self._wire = wire
        self._frames: deque[Send | None] = deque()
        self._filled = asyncio.Event()
        self._sent = asyncio.Condition()
        self._count_in = 0
        self._count_out = 0
        self._ended = False

    def put(self, frame: Send) -> None:
        """Adds a frame at the end."""
        alone = self._count_out == self._count_in and not self._ended
        self._count_in += 1
        if alone and self._wire.ready:
            if self._wire.write(frame):
                self._count_out += 1
                return
            self._frames.append(None)  # it is on its way: only to be waited for
        else:
            self._frames.append(frame)
        self._filled.set()

    @property
    def idle(self) -> bool:
        """Whether everything that was put is sent."""
        return self._count_out >= self._count_in

    async def emptied(self) -> None:
        """Waits until everything that was put before this call is sent.

        Raises:
            ConnectionLost: it never will be.
        """
        mark = self._count_in
        if self._count_out >= mark:
            return
        async with self._sent:
            await self._sent.wait_for(lambda: self._ended or self._count_out >= mark)
        if self._count_out < mark:
            raise ConnectionLost

    async def drain(self) -> None:
        """Sends for ever, one frame after another.

        Raises:
            ConnectionLost: the peer is gone or was cut off.
        """
        try:
            while True:
                while not self._frames:
                    self._filled.clear()
                    await self._filled.wait()
                await self._send(self._frames.popleft())
                self._count_out += 1
                async with self._sent:
                    self._sent.notify_all()
        finally:
            self._ended = True
            async with self._sent:
                self._sent.notify_all()

    async def _send(self, frame: Send | None) -> None:
        if frame is not None:
            await self._wire.taken()
            if not self._wire.ready:
                raise ConnectionLost
            self._wire.write(frame)
        await self._wire.taken()
