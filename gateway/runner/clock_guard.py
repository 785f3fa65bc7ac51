"""The time for those who throw away what has grown old: a wall clock that does not jump ahead.

What has to go is judged by the times that were written to it, so a clock that is set wrong for a
moment would take everything along. A clock that is suddenly somewhere else is not believed for a
day; until then the time goes on from where it was, as the machine's own counter says.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from engines.processes import boot_id
from gateway.clock import now_ms
from gateway.journal import journal
from gateway.stores.atomic_file import replace

__all__ = ["ClockGuard"]

_JUMP_MS = 60_000
"""A clock that is put right moves by less than this."""
_DOUBT_MS = 86_400_000
_journal = journal(__name__)


class _Known(msgspec.Struct, frozen=True):
    """When a boot of the machine began, as its wall clock was last believed (ms, epoch)."""

    boot: str
    began_ms: int


class ClockGuard:
    """Remembers in a file what it believed, so that a new process does not begin with the jump.

    Args:
        path: the file, which need not be there.
        wall: the wall clock, in ms since the epoch.
        counter: ms since the machine was started, never set by anybody.
    """

    def __init__(
        self,
        path: Path,
        wall: Callable[[], int] = now_ms,
        counter: Callable[[], int] | None = None,
    ) -> None:
        self._path = path
        self._wall = wall
        self._counter = counter or _since_boot_ms
        self._doubted_ms: int | None = None
        self._began_ms = self._remembered()

    def now_ms(self) -> int:
        """The time (ms, epoch): never one that came by a jump ahead, and never ahead of the wall.

        After a jump back nothing grows older until the clock is where it was.
        """
        wall, counted = self._wall(), self._counter()
        counted_ms = self._began_ms + counted
        if abs(wall - counted_ms) > _JUMP_MS:
            if self._doubted_ms is None:
                self._doubted_ms = counted
                _journal.warning("the wall clock jumped", seconds=(wall - counted_ms) // 1000)
            if counted - self._doubted_ms < _DOUBT_MS:
                return min(wall, counted_ms)
            _journal.warning(
                "the wall clock is believed again", seconds=(wall - counted_ms) // 1000
            )
        self._began_ms, self._doubted_ms = wall - counted, None
        return wall

    def keep(self) -> None:
        """Writes down what is believed; may block. A disk that refuses costs only that."""
        known = _Known(boot_id(), self._began_ms)
        with suppress(OSError):
            replace(self._path, msgspec.json.encode(known))

    def _remembered(self) -> int:
        """When this boot began, as it was believed before; as the wall clock has it if never."""
        with suppress(OSError, msgspec.MsgspecError):
            known = msgspec.json.decode(self._path.read_bytes(), type=_Known)
            if known.boot == boot_id():
                return known.began_ms
        return self._wall() - self._counter()


def _since_boot_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
