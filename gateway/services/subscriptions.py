"""Subscriptions: each is a cursor into a task's log and no buffer.

When a notification comes and the socket has taken what it was sent, the next page is read and told.
A slow client is simply behind. The end is told once, after every line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from gateway import clock, ids
from gateway.caller import Access, Caller
from gateway.feed import Feed, Watcher
from gateway.metrics import Metrics
from gateway.services.credit import CreditWindow
from gateway.services.logs import Logs
from gateway.services.lookup import Lookup
from gateway.services.parts import Parts
from gateway.services.service import Verb
from gateway.stores.delivery import DELIVERED_ALL, NOTHING, DeliveryStore
from gateway.stores.partials import PartialStore
from gateway.stores.queue import TaskQueue
from protocol.commands.logs import LogRead
from protocol.commands.subscriptions import Following, FollowTask, Tell
from protocol.errors import GatewayError, Kind
from protocol.events import (
    Ended,
    Event,
    LineOpen,
    LinesAppended,
    ProgressChanged,
    QueueMoved,
    StateChanged,
    SubmitUnconfirmed,
)
from protocol.logs import Cursor, Line, LogPage
from protocol.tasks import ById, Task, TaskState

__all__ = ["Subscription", "Subscriptions"]

_PAGE_LINES = 4_000
_PAGE_BYTES = 192 * 1024
_FULL_LINES = _PAGE_LINES // 4
_FULL_BYTES = _PAGE_BYTES // 4
_POLL_SECONDS = 2.0
_LEASE_POLL_SECONDS = 1.0
_RENEW_SECONDS = 3.0
_TROUBLE_SECONDS = 1.0
_WAITING = frozenset({TaskState.ACCEPTED, TaskState.QUEUED, TaskState.HELD, TaskState.RETRYING})


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where subscriptions look."""

    lookup: Lookup
    logs: Logs
    queue: TaskQueue
    feed: Feed
    delivery: DeliveryStore
    partials: PartialStore
    metrics: Metrics


class Subscriptions:
    """Carries out the command to follow a task."""

    def __init__(self, sources: _Sources) -> None:
        self._sources = sources

    @classmethod
    def of(cls, parts: Parts) -> Subscriptions:
        """The service of a gateway."""
        stores = parts.stores
        return cls(
            _Sources(
                parts.get(Lookup),
                parts.get(Logs),
                stores.queue,
                parts.feed,
                stores.delivery,
                stores.partials,
                parts.metrics,
            )
        )

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (Verb(FollowTask, Access.READ, self.follow),)

    async def follow(self, caller: Caller, command: FollowTask) -> Following:
        """A subscription to a task that the caller may see; nothing is told before it is run."""
        task = await self._sources.lookup.seen(caller, command.task)
        wanted = not command.begun or await self._sources.delivery.begun(
            task.id, or_never=command.acknowledge
        )
        return Subscription(self._sources, task, command) if wanted else _Nothing()


class _Nothing:
    """A subscription to what is not wanted after all."""

    def acknowledge(self, cursor: Cursor) -> None:
        """Nothing was told."""

    async def run(self, tell: Tell, turn: AbstractAsyncContextManager[Any]) -> None:
        """Tells nothing."""


async def _unheard(_event: Event | None, _then: Callable[[], None] | None) -> None:
    """Nobody listens yet."""


class Subscription:
    """Follows one task for one socket."""

    def __init__(self, sources: _Sources, task: Task, asked: FollowTask) -> None:
        self._sources = sources
        self._task = task
        self._asked = asked
        self._say: Tell = _unheard
        self._confirmed = self._marked = NOTHING
        self._watcher: Watcher | None = None
        self._turn: AbstractAsyncContextManager[Any] = nullcontext()
        self._cursor = asked.cursor
        self._holder = ids.new_request_id() if asked.resume else ""
        self._renew_at = 0.0
        self._reported_state: TaskState | None = None
        self._reported_progress: object = None
        self._reported_ahead = -1
        self._next_in: TaskState | None = None
        self._reported_line: Line | None = None
        self._allowance = CreditWindow(asked.credit) if asked.credit else None
        self._acknowledged = asyncio.Event()

    def acknowledge(self, cursor: Cursor) -> None:
        """The client has dealt with all lines before a place."""
        if self._allowance is not None:
            self._allowance.acknowledge(cursor)
            self._acknowledged.set()

    async def run(self, tell: Tell, turn: AbstractAsyncContextManager[Any]) -> None:
        """Tells everything until the end, through any trouble of the store."""
        self._say, self._turn = tell, turn
        task = self._task
        self._sources.metrics.subscriptions.inc()
        try:
            with self._sources.feed.watch(task.id) as watcher:
                self._watcher = watcher
                if self._holder and not await self._resume(task, watcher):
                    return
                await self._reported_to_the_end(task, watcher)
        finally:
            self._sources.metrics.subscriptions.dec()
            if self._holder:
                await self._leave(task)

    async def _resume(self, task: Task, watcher: Watcher) -> bool:
        """Goes on where the last socket is known to have been; False if nothing is left to tell."""
        place = await self._lease(task, watcher)
        if place == DELIVERED_ALL and self._asked.begun:
            return False
        if place == NOTHING:
            lost = SubmitUnconfirmed(task) if self._asked.acknowledge else None
            await self._say(lost, self._arrival(Cursor()))
        return True

    async def _reported_to_the_end(self, task: Task, watcher: Watcher) -> None:
        watcher.looking()
        while True:
            try:
                if await self._look(task):
                    return
                await self._remember(task)
                if self._room()[0]:
                    await self._changed(task, watcher)
                else:
                    await self._credited()
            except GatewayError as error:
                if error.kind is not Kind.UNAVAILABLE:
                    raise
                await asyncio.sleep(_TROUBLE_SECONDS)

    async def _changed(self, task: Task, watcher: Watcher) -> None:
        """Waits until there may be more to tell; remembers meanwhile what has arrived."""
        deadline = clock.monotonic() + _POLL_SECONDS
        while (left := deadline - clock.monotonic()) > 0:
            if await watcher.changed(left):
                return
            await self._remember(task)
            if not self._renew_at:
                return  # the lease is lost, or there is none

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
                await self._say(Ended(read.task), self._arrival(DELIVERED_ALL))
                if self._holder:
                    await self._arrived(task)
                return True
            if not read.page.blocks or (self._allowance is None and _ends(read.page)):
                await self._tell_partial(read.task)
                return False

    async def _tell_partial(self, task: Task) -> None:
        """Tells what stands on the line that comes next, if it says something new."""
        if not self._asked.watch.partial:
            return
        line = await self._sources.partials.read(task.id)
        if line is None or line == self._reported_line or self._cursor != (line.number, line.part):
            return
        self._reported_line = line
        await self._tell(LineOpen(task, line))

    async def _read(self, task: Task) -> LogRead:
        """The next page; for one who wants no lines the task and whether its log has ended."""
        if self._asked.watch.lines:
            logs, (lines, size) = self._sources.logs, self._room()
            if self._allowance is None:
                return await logs.watched_page(task.id, self._cursor, lines, size)
            # Without credit left one line is looked at, to see whether there is none any more.
            return await logs.page(task.id, self._cursor, max(lines, 1), max(size, 1))
        now = await self._sources.lookup.find(ById(task.id))
        ended = now.state.final and now.log_complete
        return LogRead(LogPage((), self._cursor, 1, now.last_line, ended), now)

    async def _tell_lines(self, read: LogRead) -> None:
        page = read.page
        if not await self._held(read.task):
            return
        if self._allowance is not None:
            # Before they are sent: the answer may be there as soon as they are.
            self._allowance.sent(page.blocks)
        # After the last line the end follows at once, and is noted as a whole.
        then = None if page.eof else self._arrival(page.next)
        await self._say(LinesAppended(read.task, page, read.said), then)
        self._count(read)
        self._cursor = page.next
        await self._remember(read.task)

    def _count(self, read: LogRead) -> None:
        page = read.page
        lag, age = max(page.last + 1 - page.next.line, 0), None
        if not lag and not read.task.state.final:
            age = max(clock.now_ms() - page.blocks[-1].marks[-1].time_ms, 0) / 1000
        self._sources.metrics.pushed(page.next.line - self._cursor.line, lag, age)

    def _room(self) -> tuple[int, int]:
        """How many lines and bytes may be told now."""
        if self._allowance is None:
            return _PAGE_LINES, _PAGE_BYTES
        return self._allowance.room(_PAGE_LINES, _PAGE_BYTES)

    async def _credited(self) -> None:
        """Waits for an acknowledgement; looks at the task now and then all the same."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLL_SECONDS):
                await self._acknowledged.wait()
        self._acknowledged.clear()

    async def _tell_task(self, task: Task) -> None:
        watch = self._asked.watch
        if watch.state and task.state is not self._reported_state and not task.state.final:
            self._reported_state = task.state
            await self._tell(StateChanged(task))
        if watch.progress and task.progress != self._reported_progress:
            first = self._reported_progress is None
            self._reported_progress = task.progress
            if not first or task.progress.fraction is not None or task.progress.stages:
                await self._tell(ProgressChanged(task))
        # Nobody gets before the next one: as long as it waits like that it is asked for no more.
        if watch.queue and task.state in _WAITING and task.state is not self._next_in:
            ahead = await self._sources.queue.ahead(task.id, task.node)
            if not ahead:
                self._next_in = task.state
            if ahead != self._reported_ahead:
                self._reported_ahead = ahead
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
                self._confirmed = self._marked = place
                self._cursor = max(place, Cursor())
                return place
            if watcher is None:
                await asyncio.sleep(_LEASE_POLL_SECONDS)
            else:
                await watcher.changed(_LEASE_POLL_SECONDS)

    async def _held(self, task: Task) -> bool:
        """Renews the lease in time; False if it was lost and is ours again, at another place."""
        if not self._holder or clock.monotonic() < self._renew_at or await self._mark(task):
            return True
        await self._lease(task, None)
        return False

    async def _tell(self, event: Event) -> None:
        await self._say(event, None)

    def _arrival(self, cursor: Cursor) -> Callable[[], None] | None:
        """What is done once the client is known to have all before a place: it is remembered."""
        if not self._holder:
            return None

        def arrived() -> None:
            self._confirmed = max(self._confirmed, cursor)
            if self._watcher is not None:
                self._watcher.wake()

        return arrived

    async def _remember(self, task: Task) -> None:
        """Remembers what has arrived since; trouble and a lost lease show at the next renewal."""
        if not self._holder or self._confirmed == self._marked:
            return
        with suppress(GatewayError):
            if not await self._mark(task):
                self._renew_at = 0.0

    async def _arrived(self, task: Task) -> None:
        """Waits until the client has the end; a client that is gone ends this from outside."""
        while self._confirmed != DELIVERED_ALL:
            if self._watcher is None:
                return
            await self._watcher.changed(_POLL_SECONDS)
            if clock.monotonic() >= self._renew_at:
                with suppress(GatewayError):
                    await self._mark(task)

    async def _mark(self, task: Task) -> bool:
        self._renew_at = clock.monotonic() + _RENEW_SECONDS
        delivery, place = self._sources.delivery, self._confirmed
        try:
            held = await delivery.mark(task.id, self._holder, place)
        except asyncio.CancelledError:
            # It may still be on its way, and would take the lease back after it was given up.
            with suppress(GatewayError):
                await delivery.mark(task.id, self._holder, place)
            raise
        if held:
            self._marked = place
        return held

    async def _leave(self, task: Task) -> None:
        place = None if self._confirmed == self._marked else self._confirmed
        try:
            await self._sources.delivery.leave(task.id, self._holder, place)
        except GatewayError:
            return  # the lease ends by itself


def _ends(page: LogPage) -> bool:
    """Whether a page ends with the last line there was: what comes after it notifies.

    A page that is full may end anywhere: a spool that was read in part knows of no later line.
    """
    lines = page.blocks[-1].last - page.blocks[0].first + 1
    size = sum(len(block.data) for block in page.blocks)
    full = lines >= _FULL_LINES or size >= _FULL_BYTES
    return not full and not page.next.part and page.next.line > page.last
