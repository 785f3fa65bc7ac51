"""One read of a log page for all subscriptions of a process that are at the same place.

A hundred readers of one run would otherwise ask Redis for the same page a hundred times. A page is
shared from the moment its read begins until the task is notified again or a moment has passed.
Whoever came before that notification is woken by it and looks again, so nobody misses what it
announced. Only for those who watch the task: nobody else would be woken.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway import clock
from protocol.commands.logs import LogRead
from protocol.logs import Cursor
from protocol.tasks import TaskId

__all__ = ["SharedPages"]

_KEPT = 32
"""So many pages at most, of some 192 KiB each and as much again in what was made of them."""
_SECONDS = 0.05

_Place: TypeAlias = tuple[TaskId, Cursor, int, int]
_Read: TypeAlias = Callable[[TaskId, Cursor, int, int], Coroutine[Any, Any, LogRead]]


@dataclass(slots=True)
class _Shared:
    """A page or its reading, and what must hold for it to be given to others.

    ``done`` holds None if the reader went before it had the page.
    """

    notifications: int
    until: float
    done: asyncio.Future[LogRead | None]


class SharedPages:
    """The pages that were read a moment ago.

    Args:
        read: reads a page; its errors reach everybody who waits for it.
        notifications: a number that is another after each notification of a task.
    """

    def __init__(self, read: _Read, notifications: Callable[[TaskId], int]) -> None:
        self._read = read
        self._notifications = notifications
        self._pages: OrderedDict[_Place, _Shared] = OrderedDict()

    async def page(
        self, task_id: TaskId, cursor: Cursor, max_lines: int, max_bytes: int
    ) -> LogRead:
        """The page at a place, not older than the last notification of the task."""
        place = (task_id, cursor, max_lines, max_bytes)
        while (known := self._pages.get(place)) is not None and self._is_good(known, task_id):
            # Shielded: who goes must not take it away from the others who wait.
            found = known.done.result() if known.done.done() else await asyncio.shield(known.done)
            if found is not None:
                return found
        return await self._read_for_all(place)

    def _tidy(self) -> None:
        """Lets go of old pages: of what is given to nobody any more, and of all beyond a number."""
        while self._pages:
            (task_id, *_), oldest = next(iter(self._pages.items()))
            if len(self._pages) <= _KEPT and self._is_good(oldest, task_id):
                return
            self._pages.popitem(last=False)

    def _is_good(self, known: _Shared, task_id: TaskId) -> bool:
        fresh = not known.done.done() or clock.monotonic() < known.until
        return fresh and known.notifications == self._notifications(task_id)

    async def _read_for_all(self, place: _Place) -> LogRead:
        done: asyncio.Future[LogRead | None] = asyncio.get_running_loop().create_future()
        shared = _Shared(self._notifications(place[0]), clock.monotonic() + _SECONDS, done)
        self._pages[place] = shared
        self._pages.move_to_end(place)
        self._tidy()
        try:
            found = await self._read(*place)
        except BaseException as error:
            if self._pages.get(place) is shared:
                del self._pages[place]
            if isinstance(error, Exception):
                done.set_exception(error)
                done.exception()  # seen: nobody may be waiting for it
            else:
                done.set_result(None)
            raise
        done.set_result(found)
        return found
