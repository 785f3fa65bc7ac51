"""How many requests of one user wait in this process: a bounded number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from protocol.errors import GatewayError, Kind

__all__ = ["LongPollLimiter"]


class LongPollLimiter:
    """Counts who waits.

    Args:
        most: how many requests of one user may wait at the same time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def one(self, user: str) -> Iterator[None]:
        """Counts one more for the length of the block.

        Raises:
            GatewayError: EXHAUSTED if there are enough already.
        """
        if self._waiting[user] >= self._most:
            raise GatewayError(
                Kind.EXHAUSTED,
                f"{self._most} requests of yours are waiting already",
                retry_after=1.0,
            )
        self._waiting[user] += 1
        try:
            yield
        finally:
            self._waiting[user] -= 1
            if not self._waiting[user]:
                del self._waiting[user]
