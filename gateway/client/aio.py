"""The client for asyncio: every question to a gateway is a method of one object."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Self, Unpack

from gateway.client import calls, kills, queues, results, sessions, waiting
from gateway.client.address import Address
from gateway.client.aio_carrier import AsyncCarrier
from gateway.client.async_task import AsyncTask
from gateway.client.completed import KEPT_LINES, AsyncCompleted
from gateway.client.control import AsyncControl
from gateway.client.files import AsyncFiles
from gateway.client.follow import Follower, Place
from gateway.client.results import AsyncResult
from gateway.client.submission import Asked, Submission, submission_of
from gateway.client.task_ref import TaskLike, task_text
from gateway.client.values import (
    ACTIVE_WORDS,
    End,
    KillReport,
    LogPage,
    News,
    Progress,
    QueueRow,
    SessionRow,
    Status,
    Submitted,
    TaskRow,
    Ticket,
)
from gateway.client.wire import Trust
from protocol.logs import Gap, Line

__all__ = ["AsyncClient"]


class AsyncClient:
    """Speaks to one gateway as one user, from as many tasks of one loop as wanted.

    Args:
        server: the gateway's URL or ``host:port``; without it what NARTHEX_SERVER says, else
            ``http://127.0.0.1:9001``.
        token: the user's token, or what makes a fresh one for each request; without it what
            NARTHEX_TOKEN says, else none before ``login``.
        patience_seconds: how long to go on trying without any sign of the gateway.
        wait_for_gateway: whether that also holds for a gateway that was never there. By default
            the first connection fails at once if nothing at the address takes it.
        ca_file: a file with the certificates that are trusted, in PEM, or an SSLContext; without it
            the file in SSL_CERT_FILE, else what this machine trusts.

    ``files`` are those that the user keeps with the gateway, ``control`` has what can be asked of a
    task that waits or runs. Wherever a ``task`` is asked for, its number, its execID, a Task and a
    row of a list will do. Every call raises a ClientError if the gateway refuses it.

    Example:
        ``async with AsyncClient() as client: print((await client.run("hostname")).stdout)``
    """

    def __init__(
        self,
        server: str | None = None,
        token: str | Callable[[], str] | None = None,
        *,
        patience_seconds: float = 60.0,
        wait_for_gateway: bool = False,
        ca_file: Trust | None = None,
    ) -> None:
        if token is None:
            token = os.environ.get("NARTHEX_TOKEN", "")
        self._carrier = AsyncCarrier(
            Address.of(server),
            token,
            patience_seconds,
            wait_for_gateway=wait_for_gateway,
            trust=ca_file,
        )
        self._ask = self._carrier.ask
        self.control = AsyncControl(self._ask)
        self.files = AsyncFiles(self._ask)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes all connections.

        Example:
            ``await client.close()``
        """
        await self._carrier.close()

    async def login(self, user: str, password: str) -> Ticket:
        """Proves who the caller is; every later request carries the ticket's token.

        Example:
            ``(await client.login("ann", "her password")).admin``
        """
        ticket = await self._ask(calls.login(user, password))
        self._carrier.token = ticket.token
        return ticket

    async def execute(self, code: str, **asked: Unpack[Asked]) -> AsyncTask:
        """Submits code and answers when the task is durable; a broken attempt is repeated.

        ``Asked`` says what a task may have.

        Example:
            ``task = await client.execute("make -j4", workdir="src", timeout=600)``
        """
        submission = await self._ready(submission_of(code, **asked))
        return AsyncTask(self, await self._ask(calls.execute(submission)), submission)

    async def run(
        self, code: str, *, check: bool = False, **asked: Unpack[Asked]
    ) -> AsyncCompleted:
        """Submits code, waits for its end and answers how it ended, with what it printed.

        ``check`` raises TaskFailed unless it succeeded; the rest is as in ``execute``.

        Example:
            ``print((await client.run("ls *.csv", workdir="data")).stdout)``
        """
        submission = await self._ready(submission_of(code, push=False, **asked))
        named, end = Submitted("", 0), End(0, "")
        lines: deque[Line] = deque(maxlen=KEPT_LINES)
        async for batch in self._followed(submission):
            for item in batch:
                match item:
                    case Line():
                        lines.append(item)
                    case Submitted():
                        named = item
                    case End():
                        end = item
                    case _:
                        continue
        task = AsyncTask(self, named, submission)
        reason = "" if end.status == "Succeed" else (await self.describe(task)).error
        done = AsyncCompleted(task, end, tuple(lines), reason)
        return done.check() if check else done

    async def task(self, task: TaskLike) -> AsyncTask:
        """A task that is there already, by its number or execID; raises NotFound if it is not.

        Example:
            ``task = await client.task(17)``
        """
        row = await self.describe(task)
        return AsyncTask(self, Submitted(row.exec_id, row.task_id))

    async def wait(self, task: TaskLike, timeout: float | None = None) -> End:  # noqa: ASYNC109 - the gateway waits
        """How a task ended, once it has; raises TimedOut after ``timeout`` seconds.

        Example:
            ``end = await client.wait(17, timeout=60)``
        """
        return await self._carrier.carry_out(
            waiting.wait(task_text(task), self._carrier.pacing, timeout)
        )

    async def status(self, task: TaskLike) -> Status:
        """The status of a task.

        Example:
            ``(await client.status(17)).status``
        """
        return await self._ask(calls.status(task_text(task)))

    async def progress(self, task: TaskLike) -> Progress:
        """How much of a task is done.

        Example:
            ``(await client.progress(17)).fraction``
        """
        return await self._ask(calls.progress(task_text(task)))

    async def describe(self, task: TaskLike) -> TaskRow:
        """What is known of a task, with the words that say why it failed.

        Example:
            ``(await client.describe(17)).error``
        """
        return await self._ask(calls.describe(task_text(task)))

    async def kill(self, task: TaskLike, *, grace: float | None = None) -> str:
        """Asks for a task to end; returns its execID once the kill request is saved.

        ``grace`` is how many seconds it has after the polite signal; None for the gateway's.

        Example:
            ``await client.kill(17, grace=5)``
        """
        return await self._ask(kills.kill(task_text(task), grace))

    async def kill_report(
        self, task: TaskLike, *, grace: float | None = None, wait: float = 0
    ) -> KillReport:
        """As ``kill``; answers what came of it, after the end if that comes within ``wait``.

        Example:
            ``(await client.kill_report(17, wait=20)).verified``
        """
        return await self._ask(kills.kill_report(task_text(task), grace, wait))

    async def list(
        self,
        states: Sequence[str] = (),
        *,
        page: int = 1,
        size: int = 100,
        active: bool = False,
        everybody: bool = False,
        user: str = "",
        name: str = "",
        tags: Sequence[str] = (),
    ) -> tuple[TaskRow, ...]:
        """The user's tasks, newest first; ``states`` are status words, none for all.

        ``active`` leaves out those that have ended. ``everybody`` and another ``user`` are for
        administrators. ``name`` is what their owner called them, ``tags`` are all on them.

        Example:
            ``[row.name for row in await client.list(active=True)]``
        """
        return await self._ask(
            calls.list_tasks(
                ACTIVE_WORDS if active else states,
                page,
                size,
                everybody=everybody,
                user=user,
                name=name,
                tags=tags,
            )
        )

    async def forget(self, task: TaskLike) -> Submitted:
        """Has a task forgotten with all of its output; one that runs is killed first.

        Example:
            ``await client.forget(17)``
        """
        return await self._ask(calls.forget(task_text(task)))

    async def rerun(self, task: TaskLike, code: str = "") -> AsyncTask:
        """Runs what a task was given once more, as a new task; ``code`` in place of its own.

        Example:
            ``task = await client.rerun(17)``
        """
        return AsyncTask(self, await self._ask(calls.rerun(task_text(task), code)))

    async def sessions(self, *, everybody: bool = False) -> tuple[SessionRow, ...]:
        """The user's warm sessions, oldest first; an administrator may see everybody's.

        Example:
            ``[one.state for one in await client.sessions()]``
        """
        return await self._ask(sessions.list_sessions(everybody=everybody))

    async def queues(self) -> tuple[QueueRow, ...]:
        """The queues by name, with how many tasks run and wait in each.

        Example:
            ``[one.name for one in await client.queues()]``
        """
        return await self._ask(queues.list_queues())

    async def end_session(self, session: str) -> SessionRow:
        """Asks for a warm session to end; returns once the request is saved.

        Example:
            ``await client.end_session("its id")``
        """
        return await self._ask(sessions.end_session(session))

    async def results(self, task: TaskLike) -> tuple[AsyncResult, ...]:
        """The result sets of a task so far; each reads its rows when it is asked for them.

        Example:
            ``frame = await (await client.results(17))[0].to_pandas()``
        """
        text = task_text(task)
        number = text if text.isdecimal() else (await self.status(text)).task_id
        found = await self._ask(results.results(int(number)))
        return tuple(AsyncResult(ref, self._ask) for ref in found)

    async def log(
        self,
        task: TaskLike,
        from_line: int = 1,
        *,
        part: int = 0,
        size: int = 1000,
        wait: float = 0,
    ) -> LogPage:
        """One page of lines; waits up to ``wait`` seconds for the first of them.

        ``part`` is the first part wanted of the long line ``from_line``, 0 for the whole of it.

        Example:
            ``[line.text for line in (await client.log(17, 1, size=10)).lines]``
        """
        return await self._ask(calls.log(task_text(task), from_line, part, size=size, wait=wait))

    async def follow(self, task: TaskLike, from_line: int = 1) -> AsyncIterator[Line | Gap | End]:
        """Every line exactly once and in order from ``from_line`` on, and finally the End.

        A Gap stands for lines that are no longer kept. Survives broken connections. Who leaves
        early closes the iterator, as by ``contextlib.aclosing``.

        Example:
            ``async for item in client.follow(17): print(item)``
        """
        async with contextlib.aclosing(self.news(task, from_line)) as batches:
            async for batch in batches:
                for item in batch:
                    if isinstance(item, Line | Gap | End):
                        yield item

    def news(
        self, task: TaskLike, from_line: int = 1, *, partial: bool = False, credit: int = 0
    ) -> AsyncGenerator[tuple[News, ...]]:
        """As ``follow``, in batches as they come, and with the changes of state.

        ``partial`` asks for glimpses of a line that has not ended, while a websocket can be had.
        ``credit`` is how many lines the gateway may send ahead of what was taken from here; 0 for
        as many as the connection holds.

        Example:
            ``async for batch in client.news(17): print(*batch)``
        """
        place = Place(from_line)
        follower = Follower(
            task_text(task), place, self._carrier.pacing, partial=partial, credit=credit
        )
        return self._carrier.steps(follower.plan())

    async def stream(
        self, code: str, *, push: bool = True, partial: bool = False, **asked: Unpack[Asked]
    ) -> AsyncGenerator[tuple[News, ...]]:
        """Submits code and follows it, by one websocket if one can be had, as ``news`` does.

        ``push`` asks for changes of state and progress as well, ``partial`` for glimpses of a line
        that has not ended; the rest is as in ``execute``.

        Example:
            ``async for batch in client.stream("make"): print(*batch)``
        """
        submission = await self._ready(submission_of(code, push=push, **asked))
        async with contextlib.aclosing(self._followed(submission, partial=partial)) as batches:
            async for batch in batches:
                yield batch

    async def _ready(self, submission: Submission) -> Submission:
        """The submission once its input files are where it will find them."""
        for name, source in submission.inputs:
            await self.files.upload(f"{submission.workdir}/{name}", source)
        return submission

    def _followed(
        self, submission: Submission, *, partial: bool = False
    ) -> AsyncGenerator[tuple[News, ...]]:
        follower = Follower(submission, Place(), self._carrier.pacing, partial=partial)
        return self._carrier.steps(follower.plan())
