"""Who waits for what: wakes those who watch a task when its doorbell rings.

One subscription for a whole process. A ring says "look again" and nothing else; a lost one costs
at most two seconds, since every watcher looks again by itself after that time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.stores.link import Link
from protocol.errors import GatewayError
from protocol.tasks import TaskId

__all__ = ["Feed", "Watcher"]

_LOST_RING_SECONDS = 2.0
_BACKOFF_SECONDS = (0.05, 1.0)


class Watcher:
    """One who waits for changes of one task. Starts rung: the first look needs no waiting."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._rung.set()

    async def changed(self, timeout: float = _LOST_RING_SECONDS) -> bool:  # noqa: ASYNC109  # a wait that ends in an answer, not in an error
        """Waits until the task may have changed since the last call; False if nothing rang.

        Never waits longer than two seconds: after either answer, look again.
        """
        if not self._rung.is_set():
            try:
                async with asyncio.timeout(min(timeout, _LOST_RING_SECONDS)):
                    await self._rung.wait()
            except TimeoutError:
                return False
        self._rung.clear()
        return True

    def looking(self) -> None:
        """Forgets the rings so far: for one who is about to look and has not waited for it."""
        self._rung.clear()

    def ring(self) -> None:
        """Wakes the one who waits, or lets the next wait end at once."""
        self._rung.set()


class Feed:
    """The doorbells of one process. ``run`` must be running somewhere for rings to come."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._watchers: dict[str, set[Watcher]] = {}
        self._rings: dict[str, int] = {}
        self._count = 0
        self._connected = asyncio.Event()

    @contextmanager
    def watch(self, task_id: TaskId) -> Iterator[Watcher]:
        """A watcher for the length of the block."""
        watcher = Watcher()
        self._watchers.setdefault(task_id, set()).add(watcher)
        if task_id not in self._rings:
            # A new number, for it may have rung since it was last watched.
            self._note(task_id)
        try:
            yield watcher
        finally:
            left = self._watchers[task_id]
            left.discard(watcher)
            if not left:
                del self._watchers[task_id]
                del self._rings[task_id]

    def rings(self, task_id: TaskId) -> int:
        """A number that is another after each ring of a task; only for one who watches it.

        What was read after the number was seen, and before it changed, is what a new read finds.
        """
        return self._rings.get(task_id, 0)

    async def connected(self) -> None:
        """Waits until the subscription stands."""
        await self._connected.wait()

    async def run(self) -> None:
        """Listens until cancelled, through every loss of the connection."""
        shortest, longest = _BACKOFF_SECONDS
        pause = shortest
        while True:
            try:
                async with self._link.bells(self._ring) as bells:
                    pause = shortest
                    self._connected.set()
                    # What rang while nobody listened is not known: everybody looks again.
                    self._ring_all()
                    await bells.broken()
            except GatewayError:
                self._connected.clear()
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    def _ring(self, task_id: str) -> None:
        watchers = self._watchers.get(task_id)
        if not watchers:
            return
        self._note(task_id)
        for watcher in watchers:
            watcher.ring()

    def _note(self, task_id: str) -> None:
        self._count += 1
        self._rings[task_id] = self._count

    def _ring_all(self) -> None:
        for task_id in self._watchers:
            self._ring(task_id)
