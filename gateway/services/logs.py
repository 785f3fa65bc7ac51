"""Logs: pages by line number, from the hot window or the spool, and waiting for the next line.

A page and a live tail are the same operation. Whether a log has ended is decided here: what was
the last line of a task that had ended when or before the page was read is the last one for ever. So
the end is never told too early, and every line is told before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from gateway import clock
from gateway.caller import Access, Caller
from gateway.config import Limits
from gateway.feed import Feed
from gateway.services.long_poll import LongPollLimiter
from gateway.services.lookup import Lookup
from gateway.services.parts import Parts
from gateway.services.peers import Peers
from gateway.services.service import Verb
from gateway.services.shared_pages import SharedPages
from gateway.stores.logs import LogStore
from gateway.stores.spool import Spool
from gateway.stores.tasks import TaskStore
from protocol.accounts import Principal, Role
from protocol.commands.logs import LogRead, ReadLog
from protocol.errors import GatewayError, Kind
from protocol.logs import Cursor, LogPage
from protocol.tasks import ById, Task, TaskId, TaskState

__all__ = ["Logs"]

_POLL_SECONDS = 2.0
_UNBEGUN = frozenset({TaskState.ACCEPTED, TaskState.QUEUED, TaskState.HELD})
_MAX_LINE = (1 << 53) - 1

ReadElsewhere: TypeAlias = Callable[[Task, Cursor, int, int], Awaitable["LogPage | None"]]


class Logs:
    """Reads logs. One object serves a whole process and counts who waits in it."""

    def __init__(
        self,
        limits: Limits,
        store: TaskStore,
        hot: LogStore,
        spool: Spool,
        feed: Feed,
        lookup: Lookup,
        elsewhere: ReadElsewhere | None = None,
    ) -> None:
        self._lookup = lookup
        self._elsewhere = elsewhere
        self._limits = limits
        self._store = store
        self._hot = hot
        self._spool = spool
        self._feed = feed
        self._waits = LongPollLimiter(limits.waits_per_user)
        self._shared = SharedPages(self.page, feed.notifications)

    @classmethod
    def of(cls, parts: Parts) -> Logs:
        """The service of a gateway."""
        stores, lookup = parts.stores, parts.get(Lookup)
        return cls(
            parts.config.limits,
            stores.tasks,
            stores.logs,
            stores.spool,
            parts.feed,
            lookup,
            _elsewhere(parts.peers) if parts.peers is not None else None,
        )

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (Verb(ReadLog, Access.READ, self.read),)

    async def read(self, caller: Caller, command: ReadLog) -> LogRead:
        """A page; if it is empty and the task goes on, waits for the first line as asked."""
        task = await self._lookup.seen(caller, command.task)
        lines = min(command.max_lines or self._limits.page_lines, self._limits.page_lines)
        size = min(command.max_bytes or self._limits.page_bytes, self._limits.page_bytes)
        wait = min(max(command.wait_seconds, 0.0), self._limits.wait_seconds)
        if lines < 0 or size < 0:
            raise GatewayError(Kind.INVALID, "the size of a page must not be negative")
        _check(command.cursor)
        found = await self.page(task.id, command.cursor, lines, size)
        if wait and not found.page.blocks and not found.page.eof:
            with self._waits.one(caller.who):
                found = await self._awaited(task.id, command.cursor, lines, size, wait)
        return found

    async def page(
        self, task_id: TaskId, cursor: Cursor, max_lines: int, max_bytes: int
    ) -> LogRead:
        """The page at a cursor, and the task as it was when the page was read or just before."""
        page, task = await self._hot_page(task_id, cursor, max_lines, max_bytes)
        # Of what has not begun there is nothing: nobody goes to the disk for that.
        if page is None and (task.last_line or task.state not in _UNBEGUN):
            if self._elsewhere is not None:
                page = await self._elsewhere(task, cursor, max_lines, max_bytes)
            if page is None:
                page = await self._spool.read_log(task_id, cursor, max_lines, max_bytes)
        if page is None:
            page = LogPage((), cursor, 0, 0, eof=False)
        ended = task.state.final and task.log_complete
        # Of an empty page the spool knows only where it was asked for.
        last = max(page.last if page.blocks else 0, task.last_line)
        eof = ended and page.next.line > last and not page.next.part
        return LogRead(replace(page, first=min(last, 1), last=last, eof=eof), task)

    async def watched_page(
        self, task_id: TaskId, cursor: Cursor, max_lines: int, max_bytes: int
    ) -> LogRead:
        """The same for one who watches the task, read once for all who are at that place.

        May be older than the call, but never older than the last notification.
        """
        return await self._shared.page(task_id, cursor, max_lines, max_bytes)

    async def _hot_page(
        self, task_id: TaskId, cursor: Cursor, max_lines: int, max_bytes: int
    ) -> tuple[LogPage | None, Task]:
        try:
            return await self._hot.read_with_task(task_id, cursor, max_lines, max_bytes)
        except GatewayError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
            # The window may be damaged while the task is known: the spool has every line.
            return None, await self._store.read(ById(task_id))

    async def _awaited(
        self, task_id: TaskId, cursor: Cursor, max_lines: int, max_bytes: int, wait: float
    ) -> LogRead:
        deadline = clock.monotonic() + wait
        with self._feed.watch(task_id) as watcher:
            while True:
                found = await self.page(task_id, cursor, max_lines, max_bytes)
                left = deadline - clock.monotonic()
                if found.page.blocks or found.page.eof or left <= 0:
                    return found
                await watcher.changed(min(left, _POLL_SECONDS))


def _elsewhere(peers: Peers) -> ReadElsewhere:
    """Reads what of a log lies on another node's disk; None for what is to be looked for here.

    Who may see the task was asked here: the other node is asked for its owner.
    """

    async def read(task: Task, cursor: Cursor, lines: int, size: int) -> LogPage | None:
        node = await peers.find(task.node)
        if node is None:
            return None
        owner = Caller(Principal(task.owner, Role.USER))
        read = await peers.ask(node, owner, ReadLog(ById(task.id), cursor, lines, size))
        return read.page

    return read


def _check(cursor: Cursor) -> None:
    if not 1 <= cursor.line <= _MAX_LINE or not 0 <= cursor.part <= _MAX_LINE:
        raise GatewayError(Kind.INVALID, f"no log has a line {cursor.line}", field="line")
