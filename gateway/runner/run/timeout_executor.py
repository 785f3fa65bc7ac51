"""Calls foreign code that may raise anything or block for ever, and does not suffer from it.

A thread cannot be stopped. One that passes its deadline is left alone and counted; when too many
are, further calls are refused at once, so that an engine that blocks costs a bounded number of
threads and never a slot of anybody else. Threads that came back are used again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, Self, TypeVar

from engines.contract import EngineError

__all__ = ["TimeoutExecutor"]

T = TypeVar("T")

_IDLE = 4
"""So many threads wait for the next call; more are ended."""


class TimeoutExecutor:
    """Runs plain functions in threads of their own, ``width`` at a time, each with a deadline.

    At most ``most`` threads exist, those included that passed their deadline. ``own`` are the
    errors that the functions raise on purpose and that come through as they are.
    """

    def __init__(
        self,
        seconds: float,
        *,
        width: int = 8,
        most: int = 40,
        own: tuple[type[Exception], ...] = (EngineError,),
    ) -> None:
        self._seconds = seconds
        self._own = own
        self._turns = asyncio.Semaphore(width)
        self._free = most
        self._idle: list[_Hand] = []

    async def call(self, what: str, function: Callable[[], T]) -> T:
        """What ``function`` returns. ``what`` is the subject of the sentence if it fails.

        Raises:
            EngineError: it raised what is not its own, whatever it was, or did not answer in time.
        """
        async with self._turns:
            if self._free <= 0:
                raise EngineError(f"{what} is blocked by earlier calls that did not end")
            call = _Call(what, function, self._own)
            self._free -= 1
            hand = self._idle.pop() if self._idle else _Hand()
            call.done.add_done_callback(lambda _: self._back(hand))
            hand.give(call.run)
            try:
                async with asyncio.timeout(self._seconds):
                    # Shielded: past its deadline the call goes on, and comes back through _back.
                    await asyncio.shield(call.done)
            except TimeoutError as error:
                raise EngineError(f"{what} did not answer in {self._seconds:g} s") from error
            return call.result()

    def _back(self, hand: _Hand) -> None:
        self._free += 1
        if len(self._idle) < _IDLE:
            self._idle.append(hand)
        else:
            hand.give(None)


class _Hand:
    """A thread that does one thing after another, until it is given nothing."""

    def __init__(self) -> None:
        self._given: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._work, name="engine call", daemon=True).start()

    def give(self, work: Callable[[], None] | None) -> None:
        """The next thing to do; only for one who knows that it is free."""
        self._given.put(work)

    def _work(self) -> None:
        while (work := self._given.get()) is not None:
            work()
            del work  # what it holds on to is not kept for as long as there is nothing to do


class _Call(Generic[T]):
    """One call on its way: what came of it, and the future that says that it is over."""

    def __init__(
        self, what: str, function: Callable[[], T], own: tuple[type[Exception], ...]
    ) -> None:
        self._what = what
        self._own = own
        self._function = function
        self._loop = asyncio.get_running_loop()
        self._values: list[T] = []
        self._error: BaseException | None = None
        self.done: asyncio.Future[None] = self._loop.create_future()

    def run(self) -> None:
        """The thread. Whatever is raised is carried to the caller by ``__exit__``."""
        with self:
            self._values.append(self._function())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._error = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._tell)
        return True

    def _tell(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def result(self) -> T:
        """What the function returned. Raises what it raised, or EngineError in place of it."""
        if isinstance(self._error, self._own):
            raise self._error
        if self._error is not None:
            kind = type(self._error).__name__
            raise EngineError(f"{self._what} failed with {kind}") from self._error
        return self._values[0]
