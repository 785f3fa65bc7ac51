"""What time it is: the wall clock for stamps that people read, the other for durations."""

from __future__ import annotations

import time

__all__ = ["local_time", "monotonic", "now_ms"]


def now_ms() -> int:
    """Milliseconds since the epoch; may jump, so nothing is decided by differences of it."""
    return time.time_ns() // 1_000_000


def monotonic() -> float:
    """Seconds on a clock that never goes back, for durations and deadlines."""
    return time.monotonic()


def local_time() -> time.struct_time:
    """The time of day where the gateway stands, for what people say about hours and days."""
    return time.localtime()
