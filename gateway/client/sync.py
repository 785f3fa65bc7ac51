"""The client for threads: every question to a gateway is a method of one object."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from types import TracebackType
from typing import Self, Unpack

from gateway.client import calls, kills, queues, results, sessions, waiting
from gateway.client.address import Address
from gateway.client.carrier import Carrier
from gateway.client.completed import KEPT_LINES, Completed
from gateway.client.control import Control
from gateway.client.files import Files
from gateway.client.follow import Follower, Place
from gateway.client.results import Result
from gateway.client.submission import Asked, Submission, submission_of
from gateway.client.task import Task
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

__all__ = ["Client"]


class Client:
    """Speaks to one gateway as one user, from one thread at a time.

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
        ``with Client() as client: print(client.run("hostname").stdout)``
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
        self._carrier = Carrier(
            Address.of(server),
            token,
            patience_seconds,
            wait_for_gateway=wait_for_gateway,
            trust=ca_file,
        )
        self._ask = self._carrier.ask
        self.control = Control(self._ask)
        self.files = Files(self._ask)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections.

        Example:
            ``client.close()``
        """
        self._carrier.close()

    def login(self, user: str, password: str) -> Ticket:
        """Proves who the caller is; every later request carries the ticket's token.

        Example:
            ``client.login("ann", "her password").admin``
        """
        ticket = self._ask(calls.login(user, password))
        self._carrier.token = ticket.token
        return ticket

    def execute(self, code: str, **asked: Unpack[Asked]) -> Task:
        """Submits code and answers when the task is durable; a broken attempt is repeated.

        ``Asked`` says what a task may have.

        Example:
            ``task = client.execute("make -j4", workdir="src", timeout=600)``
        """
        submission = self._ready(submission_of(code, **asked))
        return Task(self, self._ask(calls.execute(submission)), submission)

    def run(self, code: str, *, check: bool = False, **asked: Unpack[Asked]) -> Completed:
        """Submits code, waits for its end and answers how it ended, with what it printed.

        ``check`` raises TaskFailed unless it succeeded; the rest is as in ``execute``.

        Example:
            ``print(client.run("ls *.csv", workdir="data").stdout)``
        """
        submission = self._ready(submission_of(code, push=False, **asked))
        named, end = Submitted("", 0), End(0, "")
        lines: deque[Line] = deque(maxlen=KEPT_LINES)
        for batch in self._followed(submission):
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
        task = Task(self, named, submission)
        reason = "" if end.status == "Succeed" else self.describe(task).error
        done = Completed(task, end, tuple(lines), reason)
        return done.check() if check else done

    def task(self, task: TaskLike) -> Task:
        """A task that is there already, by its number or execID; raises NotFound if it is not.

        Example:
            ``client.task(17).wait()``
        """
        row = self.describe(task)
        return Task(self, Submitted(row.exec_id, row.task_id))

    def wait(self, task: TaskLike, timeout: float | None = None) -> End:
        """How a task ended, once it has; raises TimedOut after ``timeout`` seconds.

        Example:
            ``end = client.wait(17, timeout=60)``
        """
        plan = waiting.wait(task_text(task), self._carrier.pacing, timeout)
        return self._carrier.carry_out(plan)

    def status(self, task: TaskLike) -> Status:
        """The status of a task.

        Example:
            ``client.status(17).status``
        """
        return self._ask(calls.status(task_text(task)))

    def progress(self, task: TaskLike) -> Progress:
        """How much of a task is done.

        Example:
            ``client.progress(17).fraction``
        """
        return self._ask(calls.progress(task_text(task)))

    def describe(self, task: TaskLike) -> TaskRow:
        """What is known of a task, with the words that say why it failed.

        Example:
            ``client.describe(17).error``
        """
        return self._ask(calls.describe(task_text(task)))

    def kill(self, task: TaskLike, *, grace: float | None = None) -> str:
        """Asks for a task to end; returns its execID once the kill request is saved.

        ``grace`` is how many seconds it has after the polite signal; None for the gateway's.

        Example:
            ``client.kill(17, grace=5)``
        """
        return self._ask(kills.kill(task_text(task), grace))

    def kill_report(
        self, task: TaskLike, *, grace: float | None = None, wait: float = 0
    ) -> KillReport:
        """As ``kill``; answers what came of it, after the end if that comes within ``wait``.

        Example:
            ``client.kill_report(17, wait=20).verified``
        """
        return self._ask(kills.kill_report(task_text(task), grace, wait))

    def list(
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
            ``[row.name for row in client.list(active=True)]``
        """
        return self._ask(
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

    def forget(self, task: TaskLike) -> Submitted:
        """Has a task forgotten with all of its output; one that runs is killed first.

        Example:
            ``client.forget(17)``
        """
        return self._ask(calls.forget(task_text(task)))

    def rerun(self, task: TaskLike, code: str = "") -> Task:
        """Runs what a task was given once more, as a new task; ``code`` in place of its own.

        Example:
            ``client.rerun(17).wait()``
        """
        return Task(self, self._ask(calls.rerun(task_text(task), code)))

    def sessions(self, *, everybody: bool = False) -> tuple[SessionRow, ...]:
        """The user's warm sessions, oldest first; an administrator may see everybody's.

        Example:
            ``[one.state for one in client.sessions()]``
        """
        return self._ask(sessions.list_sessions(everybody=everybody))

    def queues(self) -> tuple[QueueRow, ...]:
        """The queues by name, with how many tasks run and wait in each.

        Example:
            ``[one.name for one in client.queues()]``
        """
        return self._ask(queues.list_queues())

    def end_session(self, session: str) -> SessionRow:
        """Asks for a warm session to end; returns once the request is saved.

        Example:
            ``client.end_session(client.sessions()[0].id)``
        """
        return self._ask(sessions.end_session(session))

    def results(self, task: TaskLike) -> tuple[Result, ...]:
        """The result sets of a task so far; each reads its rows when it is asked for them.

        Example:
            ``frame = client.results(17)[0].to_pandas()``
        """
        text = task_text(task)
        number = text if text.isdecimal() else self.status(text).task_id
        found = self._ask(results.results(int(number)))
        return tuple(Result(ref, self._ask) for ref in found)

    def log(
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
            ``[line.text for line in client.log(17, 1, size=10).lines]``
        """
        return self._ask(calls.log(task_text(task), from_line, part, size=size, wait=wait))

    def follow(self, task: TaskLike, from_line: int = 1) -> Iterator[Line | Gap | End]:
        """Every line exactly once and in order from ``from_line`` on, and finally the End.

        A Gap stands for lines that are no longer kept. Survives broken connections.

        Example:
            ``for item in client.follow(17): print(item)``
        """
        for batch in self.news(task, from_line):
            for item in batch:
                if isinstance(item, Line | Gap | End):
                    yield item

    def news(
        self, task: TaskLike, from_line: int = 1, *, partial: bool = False, credit: int = 0
    ) -> Generator[tuple[News, ...]]:
        """As ``follow``, in batches as they come, and with the changes of state.

        ``partial`` asks for glimpses of a line that has not ended, while a websocket can be had.
        ``credit`` is how many lines the gateway may send ahead of what was taken from here; 0 for
        as many as the connection holds.

        Example:
            ``for batch in client.news(17): print(*batch)``
        """
        place = Place(from_line)
        follower = Follower(
            task_text(task), place, self._carrier.pacing, partial=partial, credit=credit
        )
        return self._carrier.steps(follower.plan())

    def stream(
        self, code: str, *, push: bool = True, partial: bool = False, **asked: Unpack[Asked]
    ) -> Generator[tuple[News, ...]]:
        """Submits code and follows it, by one websocket if one can be had, as ``news`` does.

        ``push`` asks for changes of state and progress as well, ``partial`` for glimpses of a line
        that has not ended; the rest is as in ``execute``.

        Example:
            ``for batch in client.stream("make"): print(*batch)``
        """
        submission = self._ready(submission_of(code, push=push, **asked))
        yield from self._followed(submission, partial=partial)

    def _ready(self, submission: Submission) -> Submission:
        """The submission once its input files are where it will find them."""
        for name, source in submission.inputs:
            self.files.upload(f"{submission.workdir}/{name}", source)
        return submission

    def _followed(
        self, submission: Submission, *, partial: bool = False
    ) -> Generator[tuple[News, ...]]:
        follower = Follower(submission, Place(), self._carrier.pacing, partial=partial)
        return self._carrier.steps(follower.plan())
