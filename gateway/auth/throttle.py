"""Throttling of wrong passwords: so many within a window, for each user and each address.

Counts in this process only; with several gateway processes a guesser gets that many times more,
which is still few. Bounded: the oldest counts are forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping

from protocol.errors import GatewayError, Kind

__all__ = ["Throttle"]

_MAX_SUBJECTS = 10_000


class Throttle:
    """So many failures for a subject within ``window_seconds``, then a refusal.

    Subjects come as a mapping to how many attempts each has: many people may share an address.
    """

    def __init__(self, window_seconds: float) -> None:
        self._window = window_seconds
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, subjects: Mapping[str, int], now: float) -> None:
        """Refuses if any subject has failed too often; ``now`` is on the monotonic clock.

        Raises:
            GatewayError: EXHAUSTED with the time to wait.
        """
        for subject, attempts in subjects.items():
            times = self._recent(subject, now)
            if len(times) >= attempts:
                raise GatewayError(
                    Kind.EXHAUSTED,
                    "too many wrong passwords, try again later",
                    retry_after=max(1.0, times[0] + self._window - now),
                )

    def failed(self, subjects: Mapping[str, int], now: float) -> None:
        """Notes one failure for each subject."""
        for subject, attempts in subjects.items():
            times = self._failures.setdefault(subject, deque(maxlen=attempts))
            times.append(now)
            self._failures.move_to_end(subject)
        while len(self._failures) > _MAX_SUBJECTS:
            self._failures.popitem(last=False)

    def _recent(self, subject: str, now: float) -> deque[float]:
        times = self._failures.get(subject)
        if times is None:
            return deque()
        while times and times[0] <= now - self._window:
            times.popleft()
        if not times:
            del self._failures[subject]
        return times
