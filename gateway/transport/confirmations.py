"""What the peer of a websocket has for certain: it answers a ping after it took what came before.

Bytes that the system accepted may still be on their way into a connection that is dead already. A
ping follows at once what is to be confirmed, so that it arrives together with it; of a great many,
one stands for all that wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["Confirmations"]

_AT_ONCE = 20
_PER_SECOND = 40.0
_MARK = b"told "


class Confirmations:
    """The pings of one websocket that ask how far its peer is.

    Args:
        ping: sends a ping with a payload; may be called at any time.
    """

    def __init__(self, ping: Callable[[bytes], None]) -> None:
        self._ping = ping
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Callable[[], None]] = []
        self._asked: deque[tuple[int, list[Callable[[], None]]]] = deque()
        self._number = 0
        self._left = float(_AT_ONCE)
        self._counted = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._lost = False

    def after(self, then: Callable[[], None]) -> None:
        """Calls back once the peer has taken all that was written before this call."""
        if self._lost:
            return
        self._waiting.append(then)
        self._ask()

    def answered(self, payload: bytes) -> None:
        """The peer has answered a ping; answers to other pings mean nothing here."""
        mark, _, digits = payload.partition(b" ")
        number = int(digits) if mark + b" " == _MARK and digits.isdigit() else 0
        # A ping may be answered alone for those before it (RFC 6455, section 5.5.3).
        while self._asked and self._asked[0][0] <= number <= self._number:
            for then in self._asked.popleft()[1]:
                then()

    def lost(self) -> None:
        """The connection has ended: nothing more is confirmed."""
        self._lost = True
        self._ping = _to_nobody
        self._waiting.clear()
        self._asked.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _ask(self) -> None:
        now = self._loop.time()
        self._left = min(self._left + (now - self._counted) * _PER_SECOND, float(_AT_ONCE))
        self._counted = now
        if self._left < 1:
            if self._timer is None:
                self._timer = self._loop.call_later((1 - self._left) / _PER_SECOND, self._due)
            return
        self._left -= 1
        self._number += 1
        waiting, self._waiting = self._waiting, []
        self._asked.append((self._number, waiting))
        self._ping(_MARK + str(self._number).encode())

    def _due(self) -> None:
        self._timer = None
        if self._waiting and not self._lost:
            self._ask()


def _to_nobody(_payload: bytes) -> None:
    """In place of the ping of a connection that is gone, which would keep what it was."""
