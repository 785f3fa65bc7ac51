"""What waits to be sent on one websocket: one order for everything, one writer.

Whoever produces much waits until its frames are gone before it produces more; nothing is ever
dropped, repeated or piled up for a slow reader.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from gateway.transport.wire import ConnectionLost
from protocol.dialect import Frame

__all__ = ["Outbox"]


class Outbox:
    """Frames in the order in which they were put."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._filled = asyncio.Event()
        self._sent = asyncio.Condition()
        self._count_in = 0
        self._count_out = 0
        self._ended = False

    def put(self, frame: Frame) -> None:
        """Adds a frame at the end."""
        self._frames.append(frame)
        self._count_in += 1
        self._filled.set()

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

    async def drain(self, send: Callable[[Frame], Awaitable[None]]) -> None:
        """Sends for ever, one frame after another; ends with the error of ``send``."""
        try:
            while True:
                while not self._frames:
                    self._filled.clear()
                    await self._filled.wait()
                await send(self._frames.popleft())
                self._count_out += 1
                async with self._sent:
                    self._sent.notify_all()
        finally:
            self._ended = True
            async with self._sent:
                self._sent.notify_all()
