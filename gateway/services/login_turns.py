"""In which order passwords are looked at: who guesses is slowed, and the owner is not locked out.

Looking at a password takes a processor some fifty milliseconds, on purpose. One is looked at for
strangers at a time, and one for users at addresses from which they have logged in before: a crowd
of guessers waits for itself. Few may wait, since most of them will be refused in their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway import clock
from gateway.services.heavy_work import FairQueue
from gateway.services.parts import Attempts
from protocol.errors import GatewayError, Kind

__all__ = ["LoginTurns"]

_SHARING = 10
"""How many times more wrong passwords an address may send than a user: it may be many people's."""
_WAITING = 4
_STRANGERS_WAITING = 16
_PAIRS = 1000
_SLOW_SECONDS = 0.2
_LINGERING = 500
_LINGER_SECONDS = 0.5


@dataclass(slots=True)
class _Crowd:
    """How many strangers wait for their turn, and for their refusal."""

    waiting: int = 0
    lingering: int = 0


class LoginTurns:
    """Turns for logins. ``attempts`` wrong passwords are looked at within a window at once."""

    def __init__(self, failures: Attempts, attempts: int) -> None:
        self._failures = failures
        self._attempts = attempts
        self._strangers = FairQueue(1, 1, _WAITING)
        self._crowd = _Crowd()
        self._pairs = FairQueue(_PAIRS, 1, _WAITING)
        self._known = asyncio.Semaphore(1)

    @asynccontextmanager
    async def turn(self, user: str, address: str, *, known: bool) -> AsyncIterator[None]:
        """A turn in which one password is looked at; a wrong one is noted if the block says so.

        ``known`` says that the user has logged in from the address before: then too many wrong ones
        make the next wait a moment, and the right one is still taken.

        Raises:
            GatewayError: EXHAUSTED with the time to wait.
        """
        turn = self._known_turn if known else self._strange_turn
        async with turn(user.lower(), address):
            yield

    @asynccontextmanager
    async def _known_turn(self, user: str, address: str) -> AsyncIterator[None]:
        subjects = {f"user {user} at {address}": self._attempts}
        async with self._pairs.turn(f"{user} at {address}"):
            slow = self._too_many(subjects)
            try:
                async with self._known, self._noting(subjects):
                    yield
            except GatewayError:
                if slow:
                    await asyncio.sleep(_SLOW_SECONDS)
                raise

    @asynccontextmanager
    async def _strange_turn(self, user: str, address: str) -> AsyncIterator[None]:
        subjects = {
            f"user {user}": self._attempts,
            f"address {address}": self._attempts * _SHARING,
        }
        try:
            self._failures.check(subjects, clock.monotonic())
            self._check_crowd()
        except GatewayError:
            await self._linger()
            raise
        self._crowd.waiting += 1
        waits = True
        try:
            async with self._strangers.turn(address):
                self._crowd.waiting -= 1
                waits = False
                # Of a crowd of guesses most are looked at when the first have failed.
                self._failures.check(subjects, clock.monotonic())
                async with self._noting(subjects):
                    yield
        finally:
            self._crowd.waiting -= waits

    @asynccontextmanager
    async def _noting(self, subjects: dict[str, int]) -> AsyncIterator[None]:
        try:
            yield
        except GatewayError as error:
            if error.kind is Kind.UNAUTHENTICATED:
                self._failures.failed(subjects, clock.monotonic())
            raise

    def _check_crowd(self) -> None:
        if self._crowd.waiting >= _STRANGERS_WAITING:
            raise GatewayError(
                Kind.EXHAUSTED, "too many logins at the same time, try again", retry_after=1.0
            )

    async def _linger(self) -> None:
        """Lets who is refused wait a little for it: they would be back at once."""
        if self._crowd.lingering < _LINGERING:
            self._crowd.lingering += 1
            try:
                await asyncio.sleep(_LINGER_SECONDS)
            finally:
                self._crowd.lingering -= 1

    def _too_many(self, subjects: dict[str, int]) -> bool:
        try:
            self._failures.check(subjects, clock.monotonic())
        except GatewayError:
            return True
        return False
