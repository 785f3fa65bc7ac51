"""What takes long or much memory: so much at a time, and everybody's in turn.

Work goes to one thread and no more: two that compute would each take the interpreter from the
loop. Together with a short switch interval the loop waits a moment for it and never the length of
the work. Whoever asks for much waits behind their own requests, not in front of others'.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from protocol.errors import GatewayError, Kind

__all__ = ["SWITCH_SECONDS", "FairQueue", "HeavyWork"]

T = TypeVar("T")

SWITCH_SECONDS = 0.001
"""How long the thread may keep the interpreter while the loop wants it: for `sys`."""

_PAGES = 4
_PAGES_PER_USER = 2


class FairQueue:
    """Turns: ``total`` at a time, ``per_user`` of one user, users one after another.

    Args:
        total: how many have their turn at the same time.
        per_user: how many of them may be one user's.
        waiting: how many of one user may wait.
    """

    def __init__(self, total: int, per_user: int, waiting: int) -> None:
        self._free = total
        self._per_user = per_user
        self._most_waiting = waiting
        self._running: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, user: str, *, patient: bool = False) -> AsyncIterator[None]:
        """A turn for the length of the block. A ``patient`` caller waits behind any number.

        Raises:
            GatewayError: EXHAUSTED if too many of this user wait already.
        """
        await self._begin(user, patient=patient)
        try:
            yield
        finally:
            self._end(user)

    async def _begin(self, user: str, *, patient: bool) -> None:
        if self._free and self._running[user] < self._per_user and user not in self._waiting:
            self._take(user)
            return
        line = self._waiting.setdefault(user, deque())
        if len(line) >= self._most_waiting and not patient:
            raise GatewayError(
                Kind.EXHAUSTED,
                f"{self._most_waiting} large requests of yours wait already",
                retry_after=1.0,
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                line.remove(turn)
                if not line:
                    del self._waiting[user]
            else:
                self._end(user)
            raise

    def _take(self, user: str) -> None:
        self._free -= 1
        self._running[user] += 1

    def _end(self, user: str) -> None:
        """Gives the turn back, and on to the next user who may have one."""
        self._free += 1
        self._running[user] -= 1
        if not self._running[user]:
            del self._running[user]
        for name in tuple(self._waiting):
            if not self._free:
                return
            if self._running[name] < self._per_user:
                line = self._waiting.pop(name)
                turn = line.popleft()
                if line:
                    self._waiting[name] = line  # at the end: others come first
                self._take(name)
                turn.set_result(None)


class HeavyWork:
    """A thread for pure functions, and turns for what needs much memory.

    Args:
        waiting: how many requests of one user may wait for either.
    """

    def __init__(self, waiting: int) -> None:
        self._thread = ThreadPoolExecutor(1, "heavy-work")
        self._turns = FairQueue(1, 1, waiting)
        self.pages = FairQueue(_PAGES, _PAGES_PER_USER, waiting)
        """Turns for requests whose results are large, from their reading to their rendering."""

    async def aclose(self) -> None:
        """Ends the thread when it is done with what it does."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def run(self, user: str, work: Callable[[], T], *, patient: bool = False) -> T:
        """What ``work`` returns, when it was this user's turn.

        Raises:
            GatewayError: EXHAUSTED if too many pieces of this user wait already.
        """
        async with self._turns.turn(user, patient=patient):
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
