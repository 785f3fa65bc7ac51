"""How long to wait before the next try: twice as long after each failure, up to a bound."""

from __future__ import annotations

__all__ = ["Backoff"]


class Backoff:
    """The pauses between tries, from ``shortest`` to ``longest`` seconds."""

    def __init__(self, shortest: float = 0.05, longest: float = 2.0) -> None:
        self._shortest = shortest
        self._longest = longest
        self._pause = shortest

    def next(self) -> float:
        """The pause to make now."""
        pause = self._pause
        self._pause = min(pause * 2, self._longest)
        return pause

    def reset(self) -> None:
        """Something worked: the next failure is a first one."""
        self._pause = self._shortest
