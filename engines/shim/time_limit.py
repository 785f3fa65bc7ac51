"""How long a run may go on and has gone on, without the time for which it was suspended.

Pure: the time comes in, monotonic. The shim imports this file: standard library only.
"""

from __future__ import annotations

__all__ = ["TimeLimit"]

_NEVER = float("inf")


class TimeLimit:
    """The clock of one run.

    Args:
        seconds: the limit, 0 for none.
        most: what no change may go beyond, 0 for any.
        warn_seconds: so long before the limit the run is warned, 0 for never.
    """

    __slots__ = ("_begun", "_most", "_paused", "_seconds", "_spent", "_warn", "_warned")

    def __init__(self, seconds: float, most: float = 0.0, warn_seconds: float = 0.0) -> None:
        self._seconds = seconds
        self._most = most
        self._warn = warn_seconds
        self._warned = False
        self._begun: float | None = None
        self._paused: float | None = None
        self._spent = 0.0

    def begin(self, now: float) -> None:
        """The run has started."""
        self._begun = now

    def pause(self, now: float) -> None:
        """The run stands still from now on."""
        if self._begun is not None and self._paused is None:
            self._paused = now

    def resume(self, now: float) -> None:
        """It goes on."""
        if self._paused is not None:
            self._spent += now - self._paused
            self._paused = None

    def change(self, seconds: float) -> None:
        """Another limit from now on, 0 for none but the configured one; a warning is due anew."""
        limits = [one for one in (seconds, self._most) if one > 0]
        self._seconds = min(limits, default=0.0)
        self._warned = False

    def elapsed(self, now: float) -> float:
        """For how long it went on, in seconds."""
        if self._begun is None:
            return 0.0
        return (now if self._paused is None else self._paused) - self._begun - self._spent

    @property
    def stop_at(self) -> float:
        """When its time is up; never while it stands still, has not begun, or has no limit."""
        if self._begun is None or self._paused is not None or not self._seconds:
            return _NEVER
        return self._begun + self._spent + self._seconds

    @property
    def warn_at(self) -> float:
        """When it is to be warned; never once it was."""
        return self.stop_at - self._warn if self._warn and not self._warned else _NEVER

    def warned(self) -> None:
        """It was warned of this limit."""
        self._warned = True
