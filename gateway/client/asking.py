"""How parts of a client ask the gateway: at once, or later."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, TypeVar

from gateway.client.call import Call

__all__ = ["Ask", "AskLater"]

T = TypeVar("T")


class Ask(Protocol):
    """Asks and answers, for threads."""

    def __call__(self, call: Call[T], /) -> T:
        """The answer; raises ClientError."""
        ...


class AskLater(Protocol):
    """Asks and answers, for asyncio."""

    def __call__(self, call: Call[T], /) -> Awaitable[T]:
        """The answer; raises ClientError."""
        ...
