"""How a long-lived process lets go of garbage: seldom, and without stopping for what never goes.

What was loaded at the start lives as long as the process. To look through it again for cycles took
80 ms every other second on a busy gateway, during which nobody was served; to look through what
five thousand idle websockets are made of took 400 ms.
"""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable

from gateway import clock

__all__ = ["GarbageCollector", "forget_frames", "freeze_gc"]

_YOUNG, _MIDDLE = 2_000, 5
"""New objects are looked through a few thousand at a time, which takes some milliseconds."""
_NEVER = 1_000_000_000
_MOST_OF_TIME = 1 / 2_000


def freeze_gc() -> None:
    """Takes all that exists now as there to stay; once, when a process has all that it needs.

    From then on only what is new is looked through by itself. What lives longer is looked through
    when a ``GarbageCollector`` is asked to.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)


class GarbageCollector:
    """Looks through what is new whenever it is asked, and through everything once in a while.

    The longer a look through everything takes, the longer it is until the next: all of them
    together take half a thousandth of the time.

    Args:
        collect: looks through a generation; 1 for what is new, 2 for everything.
        monotonic: seconds on a clock that never goes back.
    """

    def __init__(
        self,
        collect: Callable[[int], object] = gc.collect,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._collect = collect
        self._monotonic = monotonic
        self._due = monotonic()

    def __call__(self) -> None:
        """Looks, on the thread that calls."""
        began = self._monotonic()
        if began < self._due:
            self._collect(1)
            return
        self._collect(2)
        ended = self._monotonic()
        self._due = ended + (ended - began) / _MOST_OF_TIME


def forget_frames(error: BaseException) -> None:
    """Lets go of what the functions held that an error has come through, once it is handled.

    A task group keeps the error that it raises in the frame that raises it, which the error refers
    to: with it goes all that these functions held, and that is for the collector alone.
    """
    traceback.clear_frames(error.__traceback__)
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            forget_frames(one)
