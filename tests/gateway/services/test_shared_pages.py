"""One read for all readers at a place: what is shared, until when, and who fails with whom."""

from __future__ import annotations

import asyncio

import pytest

from gateway.services.shared_pages import SharedPages
from protocol.commands.logs import LogRead
from protocol.errors import GatewayError, Kind
from protocol.logs import Cursor, LogPage
from protocol.tasks import TaskId, TaskState
from tests.support.specs import make_spec
from tests.support.waiting import wait_until

TASK = make_spec().task(TaskState.RUNNING)


class Reads:
    """A log that is read when it is told to be, and notifies when it is told to."""

    def __init__(self) -> None:
        self.count = 0
        self.notifications = 0
        self.go = asyncio.Event()
        self.error: GatewayError | None = None
        self.pages = SharedPages(self.read, lambda _: self.notifications)

    async def read(self, task_id: TaskId, cursor: Cursor, lines: int, size: int) -> LogRead:
        """The next page, whose last line is the number of the read."""
        assert (task_id, lines, size) == (TASK.id, 10, 100)
        self.count += 1
        number = self.count
        await self.go.wait()
        if self.error:
            raise self.error
        return LogRead(LogPage((), cursor, 1, number, eof=False), TASK)

    def ask(self, line: int = 1) -> asyncio.Task[LogRead]:
        """A reader at a line."""
        return asyncio.create_task(self.pages.page(TASK.id, Cursor(line), 10, 100))


async def test_readers_at_one_place_share_a_read() -> None:
    """Many at one place cause one read, one at another place a second."""
    reads = Reads()
    readers = [reads.ask() for _ in range(50)] + [reads.ask(7)]
    await wait_until(lambda: reads.count == 2, "both places to be read")
    reads.go.set()
    found = await asyncio.gather(*readers)
    assert [read.page.last for read in found] == [1] * 50 + [2]
    assert (await reads.ask()).page.last == 1


async def test_a_notification_ends_the_sharing() -> None:
    """Whoever comes after it gets a read that began after it, also while one is under way."""
    reads = Reads()
    early = reads.ask()
    await wait_until(lambda: reads.count == 1, "the first read to begin")
    reads.notifications += 1
    late = reads.ask()
    await wait_until(lambda: reads.count == 2, "the second read to begin")
    reads.go.set()
    assert ((await early).page.last, (await late).page.last) == (1, 2)
    reads.notifications += 1
    assert (await reads.ask()).page.last == 3


async def test_a_failure_reaches_all_and_is_not_kept() -> None:
    """Those who wait for a read that fails hear why; the next one reads anew."""
    reads = Reads()
    reads.error = GatewayError(Kind.UNAVAILABLE, "not now")
    readers = [reads.ask() for _ in range(3)]
    await wait_until(lambda: reads.count == 1, "the read to begin")
    reads.go.set()
    for reader in readers:
        with pytest.raises(GatewayError, match="not now"):
            await reader
    reads.error = None
    assert (await reads.ask()).page.last == 2


async def test_a_reader_who_goes_takes_nothing_from_the_others() -> None:
    """If the one who reads leaves, one of those who wait reads in its place."""
    reads = Reads()
    first, second, third = reads.ask(), reads.ask(), reads.ask()
    await wait_until(lambda: reads.count == 1, "the read to begin")
    first.cancel()
    second.cancel()
    await asyncio.wait((first, second))
    reads.go.set()
    assert (await third).page.last == 2
    assert first.cancelled()
    assert second.cancelled()


async def test_only_some_pages_are_kept() -> None:
    """Pages of many places do not pile up."""
    reads = Reads()
    reads.go.set()
    for line in range(1, 100):
        await reads.ask(line)
    assert len(reads.pages._pages) <= 32
