"""A task from a client: what can be asked of it and about it, without naming it again.

For asyncio: the same names as in ``task.py``, most of them awaited.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.client.control import Controlled, Events, Output
from gateway.client.errors import Invalid
from gateway.client.results import AsyncResult
from gateway.client.submission import Submission
from gateway.client.values import (
    End,
    KillReport,
    LogPage,
    News,
    Progress,
    Status,
    Submitted,
    TaskRow,
)
from protocol.logs import Gap, Line

if TYPE_CHECKING:
    from gateway.client.aio import AsyncClient

__all__ = ["AsyncTask"]


class AsyncTask:
    """One task of a gateway, for asyncio. It is equal to every other handle of the same task.

    ``exec_id`` and ``task_id`` are its two names; ``workdir`` is the folder of its owner's files
    that it works in, empty if it has none.

    Example:
        ``task = await client.execute("make"); await task.wait(); await task.results()``
    """

    def __init__(
        self, client: AsyncClient, named: Submitted, submission: Submission | None = None
    ) -> None:
        self._client = client
        self.exec_id = named.exec_id
        self.task_id = named.task_id
        self.workdir = submission.workdir if submission else ""
        self._outputs = submission.outputs if submission else ()

    def __repr__(self) -> str:
        return f"AsyncTask({self.task_id}, {self.exec_id!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsyncTask) and other.exec_id == self.exec_id

    def __hash__(self) -> int:
        return hash(self.exec_id)

    async def status(self) -> Status:
        """Its status."""
        return await self._client.status(self)

    async def progress(self) -> Progress:
        """How much of it is done."""
        return await self._client.progress(self)

    async def describe(self) -> TaskRow:
        """What is known of it, with the words that say why it failed."""
        return await self._client.describe(self)

    async def wait(self, timeout: float | None = None) -> End:  # noqa: ASYNC109 - the gateway waits
        """How it ended, once it has; raises TimedOut after ``timeout`` seconds."""
        return await self._client.wait(self, timeout)

    async def kill(self, *, grace: float | None = None) -> str:
        """Asks for its end; returns once that is saved. ``grace`` is seconds to leave politely."""
        return await self._client.kill(self, grace=grace)

    async def kill_report(self, *, grace: float | None = None, wait: float = 0) -> KillReport:
        """As ``kill``; answers what came of it, after the end if that comes within ``wait``."""
        return await self._client.kill_report(self, grace=grace, wait=wait)

    async def forget(self) -> Submitted:
        """Has it forgotten with all of its output; if it runs it is killed first."""
        return await self._client.forget(self)

    async def hold(self) -> Controlled:
        """Keeps it from being started until it is resumed."""
        return await self._client.control.hold(self)

    async def resume(self) -> Controlled:
        """Lets it wait for its turn again, or go on if it was suspended."""
        return await self._client.control.resume(self)

    async def suspend(self) -> Controlled:
        """Has it stand still; its running time stands still too."""
        return await self._client.control.suspend(self)

    async def signal(self, name: str | int, *, everybody: bool = False) -> Controlled:
        """Sends a signal to its main process, or to all of its processes, once."""
        return await self._client.control.signal(self, name, everybody=everybody)

    async def set_limit(self, seconds: float) -> Controlled:
        """Changes the limit of its running time, 0 for none."""
        return await self._client.control.set_limit(self, seconds)

    async def tag(self, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Controlled:
        """Puts words on it and takes others off."""
        return await self._client.control.tag(self, add, remove)

    async def events(self, after: int = 0, size: int = 100) -> Events:
        """What happened to it after the event of that number, oldest first."""
        return await self._client.control.events(self, after, size)

    async def output(self, stream: str = "stdout", first: int = 0, last: int = -1) -> Output:
        """The bytes of a stream from ``first`` to ``last``; a negative ``first`` is the tail."""
        return await self._client.control.output(self, stream, first, last)

    async def results(self) -> tuple[AsyncResult, ...]:
        """Its result sets so far; each reads its rows when it is asked for them."""
        return await self._client.results(self)

    async def log(
        self, from_line: int = 1, *, part: int = 0, size: int = 1000, wait: float = 0
    ) -> LogPage:
        """One page of its lines; waits up to ``wait`` seconds for the first of them."""
        return await self._client.log(self, from_line, part=part, size=size, wait=wait)

    def follow(self, from_line: int = 1) -> AsyncIterator[Line | Gap | End]:
        """Every line exactly once and in order from ``from_line`` on, and finally the End."""
        return self._client.follow(self, from_line)

    async def lines(self, from_line: int = 1) -> AsyncIterator[Line]:
        """The lines alone as they come, until the end of the task."""
        async for item in self._client.follow(self, from_line):
            if isinstance(item, Line):
                yield item

    def news(
        self, from_line: int = 1, *, partial: bool = False, credit: int = 0
    ) -> AsyncGenerator[tuple[News, ...]]:
        """As ``follow``, in batches as they come, and with the changes of state."""
        return self._client.news(self, from_line, partial=partial, credit=credit)

    async def fetch(
        self, into: str | PathLike[str] = ".", patterns: Sequence[str] = ()
    ) -> tuple[Path, ...]:
        """Copies the files in its folder to here; where they are now.

        ``patterns`` are by default the ``outputs`` with which it was submitted, else all files.
        Raises Invalid if it was submitted from here without a folder.
        """
        if not self.workdir:
            raise Invalid("the task has no folder: it was submitted without files", field="workdir")
        wanted = patterns or self._outputs or ("*",)
        return await self._client.files.fetch(self.workdir, into, wanted)
