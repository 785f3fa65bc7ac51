"""Who waits for what: wakes those who watch a task when it is notified.

One subscription for a whole process. A notification says "look again" and nothing else; a lost one
costs at most two seconds, since every watcher looks again by itself after that time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.backoff import Backoff
from gateway.stores.redis_client import RedisClient
from protocol.errors import GatewayError
from protocol.tasks import TaskId

__all__ = ["Feed", "Watcher"]

_LOST_NOTIFICATION_SECONDS = 2.0
_BACKOFF_SECONDS = (0.05, 1.0)


class Watcher:
    """One who waits for changes of one task. Starts notified: the first look needs no waiting."""

    def __init__(self) -> None:
        self._notified = True
        self._awake = asyncio.Event()
        self._awake.set()

    async def changed(self, timeout: float = _LOST_NOTIFICATION_SECONDS) -> bool:  # noqa: ASYNC109  # a wait that ends in an answer, not in an error
        """Waits until the task may have changed since the last call; False if nothing came.

        Never waits longer than two seconds: after either answer, look again. Only who called
        ``wake`` knows of a False that came earlier, and that there is nothing to look at.
        """
        if not self._awake.is_set():
            try:
                async with asyncio.timeout(min(timeout, _LOST_NOTIFICATION_SECONDS)):
                    await self._awake.wait()
            except TimeoutError:
                return False
        self._awake.clear()
        notified, self._notified = self._notified, False
        return notified

    def looking(self) -> None:
        """Forgets what came so far: for one who is about to look and has not waited for it."""
        self._notified = False
        self._awake.clear()

    def notify(self) -> None:
        """Wakes the one who waits, or lets the next wait end at once."""
        self._notified = True
        self._awake.set()

    def wake(self) -> None:
        """The same, without saying that anything of the task changed."""
        self._awake.set()


class Feed:
    """The notifications of one process. ``run`` must be running somewhere for them to come."""

    def __init__(self, link: RedisClient) -> None:
        self._link = link
        self._watchers: dict[str, set[Watcher]] = {}
        self._notifications: dict[str, int] = {}
        self._count = 0
        self._connected = asyncio.Event()

    @contextmanager
    def watch(self, task_id: TaskId) -> Iterator[Watcher]:
        """A watcher for the length of the block."""
        watcher = Watcher()
        self._watchers.setdefault(task_id, set()).add(watcher)
        if task_id not in self._notifications:
            # A new number, for it may have been notified since it was last watched.
            self._note(task_id)
        try:
            yield watcher
        finally:
            left = self._watchers[task_id]
            left.discard(watcher)
            if not left:
                del self._watchers[task_id]
                del self._notifications[task_id]

    def notifications(self, task_id: TaskId) -> int:
        """A number that is another after each notification of a task; only for one who watches it.

        What was read after the number was seen, and before it changed, is what a new read finds.
        """
        return self._notifications.get(task_id, 0)

    async def connected(self) -> None:
        """Waits until the subscription stands."""
        await self._connected.wait()

    async def run(self) -> None:
        """Listens until cancelled, through every loss of the connection."""
        backoff = Backoff(*_BACKOFF_SECONDS)
        while True:
            try:
                async with self._link.notifications(self._notify) as notifications:
                    backoff.reset()
                    self._connected.set()
                    # What was sent while nobody listened is not known: everybody looks again.
                    self._ring_all()
                    await notifications.broken()
            except GatewayError:
                self._connected.clear()
            await asyncio.sleep(backoff.next())

    def _notify(self, task_id: str) -> None:
        watchers = self._watchers.get(task_id)
        if not watchers:
            return
        self._note(task_id)
        for watcher in watchers:
            watcher.notify()

    def _note(self, task_id: str) -> None:
        self._count += 1
        self._notifications[task_id] = self._count

    def _ring_all(self) -> None:
        for task_id in self._watchers:
            self._notify(task_id)
