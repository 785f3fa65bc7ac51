"""One subscription: a cursor into a task's log and no buffer.

When the doorbell rings and the socket has taken what it was sent, the next page is read and told.
A slow client is simply behind. The end is told once, after every line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from gateway import clock, ids
from gateway.dispatch import Dispatch
from gateway.feed import Feed, Watcher
from gateway.metrics import Metrics
from gateway.services.logs import Logs
from gateway.services.tasks import Tasks
from gateway.stores.delivery import TOLD, DeliveryStore
from gateway.stores.partials import PartialStore
from gateway.stores.queue import TaskQueue
from gateway.transport.credit import Allowance
from protocol.accounts import Principal
from protocol.commands import LogRead
from protocol.dialect import Follow
from protocol.errors import GatewayError, Kind
from protocol.events import (
    Ended,
    Event,
    LineOpen,
    LinesAppended,
    ProgressChanged,
    QueueMoved,
    StateChanged,
)
from protocol.logs import Cursor, Line, LogPage
from protocol.tasks import ById, Task, TaskState

__all__ = ["Sources", "Tail"]

_PAGE_LINES = 4_000
_PAGE_BYTES = 192 * 1024
_FULL_LINES = _PAGE_LINES // 4
_FULL_BYTES = _PAGE_BYTES // 4
_LOOK_SECONDS = 2.0
_LEASE_LOOK_SECONDS = 1.0
_RENEW_SECONDS = 3.0
_TROUBLE_SECONDS = 1.0
_WAITING = frozenset({TaskState.ACCEPTED, TaskState.QUEUED, TaskState.HELD, TaskState.RETRYING})


@dataclass(frozen=True, slots=True)
class Sources:
    """Where subscriptions look."""

    dispatch: Dispatch
    tasks: Tasks
    logs: Logs
    queue: TaskQueue
    feed: Feed
    delivery: DeliveryStore
    partials: PartialStore
    metrics: Metrics


class Tail:
    """Follows one task for one socket.

    ``tell`` hands an event to the session and returns when its frames are sent. ``turn`` bounds how
    many pages one socket holds at a time.
    """

    def __init__(
        self,
        sources: Sources,
        follow: Follow,
        tell: Callable[[Event], Awaitable[None]],
        turn: asyncio.Semaphore,
    ) -> None:
        self._sources = sources
        self._follow = follow
        self._tell = tell
        self._turn = turn
        self._cursor = follow.cursor
        self._holder = ids.new_request_id() if follow.resume else ""
        self._renew_at = 0.0
        self._told_state: TaskState | None = None
        self._told_progress: object = None
        self._told_ahead = -1
        self._told_line: Line | None = None
        self._allowance = Allowance(follow.credit) if follow.credit else None
        self._acknowledged = asyncio.Event()

    def acknowledge(self, cursor: Cursor) -> None:
        """The client has dealt with all lines before a place."""
        if self._allowance is not None:
            self._allowance.acknowledge(cursor)
            self._acknowledged.set()

    async def run(self, principal: Principal) -> None:
        """Tells everything until the end, through any trouble of the store.

        Raises:
            GatewayError: the task may not be followed.
        """
        task = await self._found(principal)
        if task is None:
            return
        self._sources.metrics.subscriptions.inc()
        try:
            with self._sources.feed.watch(task.id) as watcher:
                if self._holder:
                    self._cursor = await self._lease(task, watcher)
                    if self._cursor == TOLD and self._follow.begun:
                        return
                    with suppress(GatewayError):
                        await self._mark(task)
                await self._told_to_the_end(task, watcher)
        finally:
            self._sources.metrics.subscriptions.dec()
            if self._holder:
                await self._leave(task)

    async def _found(self, principal: Principal) -> Task | None:
        """The task; None if only one is wanted of which a part was told and this is not one."""
        sources = self._sources
        while True:
            try:
                task = await sources.dispatch.find(principal, self._follow.task)
                if self._follow.begun and not await sources.delivery.begun(task.id):
                    return None
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE or not self._holder:
                    raise
            else:
                return task
            await asyncio.sleep(_TROUBLE_SECONDS)

    async def _told_to_the_end(self, task: Task, watcher: Watcher) -> None:
        watcher.looking()
        while True:
            try:
                if await self._look(task):
                    return
                if self._room()[0]:
                    await watcher.changed(_LOOK_SECONDS)
                else:
                    await self._credited()
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE:
                    raise
                await asyncio.sleep(_TROUBLE_SECONDS)

    async def _look(self, task: Task) -> bool:
        """Tells all there is now; whether that was the end."""
        while True:
            async with self._turn:
                read = await self._read(task)
                await self._tell_task(read.task)
                if read.page.blocks and not self._room()[0]:
                    return False
                if read.page.blocks:
                    await self._tell_lines(read)
            if not await self._held(task):
                continue
            if read.page.eof:
                await self._tell(Ended(read.task))
                if self._holder:
                    with suppress(GatewayError):
                        await self._sources.delivery.finish(task.id, self._holder)
                return True
            if not read.page.blocks or (self._allowance is None and _ends(read.page)):
                await self._tell_partial(read.task)
                return False

    async def _tell_partial(self, task: Task) -> None:
        """Tells what stands on the line that comes next, if it says something new."""
        if not self._follow.watch.partial:
            return
        line = await self._sources.partials.read(task.id)
        if line is None or line == self._told_line or self._cursor != (line.number, line.part):
            return
        self._told_line = line
        await self._tell(LineOpen(task, line))

    async def _read(self, task: Task) -> LogRead:
        """The next page; for one who wants no lines the task and whether its log has ended."""
        if self._follow.watch.lines:
            logs, (lines, size) = self._sources.logs, self._room()
            if self._allowance is None:
                return await logs.watched_page(task.id, self._cursor, lines, size)
            # Without credit left one line is looked at, to see whether there is none any more.
            return await logs.page(task.id, self._cursor, max(lines, 1), max(size, 1))
        now = await self._sources.tasks.find(ById(task.id))
        ended = now.state.final and now.log_complete
        return LogRead(LogPage((), self._cursor, 1, now.last_line, ended), now)

    async def _tell_lines(self, read: LogRead) -> None:
        page = read.page
        if not await self._held(read.task):
            return
        if self._allowance is not None:
            # Before they are sent: the answer may be there as soon as they are.
            self._allowance.sent(page.blocks)
        await self._tell(LinesAppended(read.task, page, read.said))
        self._sources.metrics.lines.inc(page.next.line - self._cursor.line)
        self._cursor = page.next
        if self._holder and not page.eof:  # else the end follows at once, and is noted as a whole
            await self._mark(read.task)

    def _room(self) -> tuple[int, int]:
        """How many lines and bytes may be told now."""
        if self._allowance is None:
            return _PAGE_LINES, _PAGE_BYTES
        return self._allowance.room(_PAGE_LINES, _PAGE_BYTES)

    async def _credited(self) -> None:
        """Waits for an acknowledgement; looks at the task now and then all the same."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._acknowledged.wait()
        self._acknowledged.clear()

    async def _tell_task(self, task: Task) -> None:
        watch = self._follow.watch
        if watch.state and task.state is not self._told_state and not task.state.final:
            self._told_state = task.state
            await self._tell(StateChanged(task))
        if watch.progress and task.progress != self._told_progress:
            first = self._told_progress is None
            self._told_progress = task.progress
            if not first or task.progress.fraction is not None or task.progress.stages:
                await self._tell(ProgressChanged(task))
        if watch.queue and task.state in _WAITING:
            ahead = await self._sources.queue.ahead(task.id)
            if ahead != self._told_ahead:
                self._told_ahead = ahead
                await self._tell(QueueMoved(task, ahead))

    async def _lease(self, task: Task, watcher: Watcher | None) -> Cursor:
        """Waits until no other socket delivers; where that one stopped."""
        while True:
            try:
                place = await self._sources.delivery.place(task.id, self._holder)
            except GatewayError:
                place = None
            if place is not None:
                self._renew_at = clock.monotonic() + _RENEW_SECONDS
                return place
            if watcher is None:
                await asyncio.sleep(_LEASE_LOOK_SECONDS)
            else:
                await watcher.changed(_LEASE_LOOK_SECONDS)

    async def _held(self, task: Task) -> bool:
        """Renews the lease in time; False if it was lost and is ours again, at another place."""
        if not self._holder or clock.monotonic() < self._renew_at or await self._mark(task):
            return True
        self._cursor = await self._lease(task, None)
        return False

    async def _mark(self, task: Task) -> bool:
        self._renew_at = clock.monotonic() + _RENEW_SECONDS
        delivery = self._sources.delivery
        try:
            return await delivery.mark(task.id, self._holder, self._cursor)
        except asyncio.CancelledError:
            # It may still be on its way, and would take the lease back after it was given up.
            with suppress(GatewayError):
                await delivery.mark(task.id, self._holder, self._cursor)
            raise

    async def _leave(self, task: Task) -> None:
        try:
            await self._sources.delivery.leave(task.id, self._holder)
        except GatewayError:
            return  # the lease ends by itself


def _ends(page: LogPage) -> bool:
    """Whether a page ends with the last line there was: what comes after it rings.

    A page that is full may end anywhere: a spool that was read in part knows of no later line.
    """
    lines = page.blocks[-1].last - page.blocks[0].first + 1
    size = sum(len(block.data) for block in page.blocks)
    full = lines >= _FULL_LINES or size >= _FULL_BYTES
    return not full and not page.next.part and page.next.line > page.last
