"""A task from a client: what can be asked of it and about it, without naming it again.

For threads. Every call is one of the client's, made for this task.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.client.control import Controlled, Events, Output
from gateway.client.errors import Invalid
from gateway.client.results import Result
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
    from gateway.client.sync import Client

__all__ = ["Task"]


class Task:
    """One task of a gateway, for threads. It is equal to every other handle of the same task.

    ``exec_id`` and ``task_id`` are its two names; ``workdir`` is the folder of its owner's files
    that it works in, empty if it has none.

    Example:
        ``task = client.execute("make"); task.wait(); task.results()``
    """

    def __init__(
        self, client: Client, named: Submitted, submission: Submission | None = None
    ) -> None:
        self._client = client
        self.exec_id = named.exec_id
        self.task_id = named.task_id
        self.workdir = submission.workdir if submission else ""
        self._outputs = submission.outputs if submission else ()

    def __repr__(self) -> str:
        return f"Task({self.task_id}, {self.exec_id!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Task) and other.exec_id == self.exec_id

    def __hash__(self) -> int:
        return hash(self.exec_id)

    def status(self) -> Status:
        """Its status."""
        return self._client.status(self)

    def progress(self) -> Progress:
        """How much of it is done."""
        return self._client.progress(self)

    def describe(self) -> TaskRow:
        """What is known of it, with the words that say why it failed."""
        return self._client.describe(self)

    def wait(self, timeout: float | None = None) -> End:
        """How it ended, once it has; raises TimedOut after ``timeout`` seconds."""
        return self._client.wait(self, timeout)

    def kill(self, *, grace: float | None = None) -> str:
        """Asks for its end; returns once that is saved. ``grace`` is seconds to leave politely."""
        return self._client.kill(self, grace=grace)

    def kill_report(self, *, grace: float | None = None, wait: float = 0) -> KillReport:
        """As ``kill``; answers what came of it, after the end if that comes within ``wait``."""
        return self._client.kill_report(self, grace=grace, wait=wait)

    def forget(self) -> Submitted:
        """Has it forgotten with all of its output; if it runs it is killed first."""
        return self._client.forget(self)

    def hold(self) -> Controlled:
        """Keeps it from being started until it is resumed."""
        return self._client.control.hold(self)

    def resume(self) -> Controlled:
        """Lets it wait for its turn again, or go on if it was suspended."""
        return self._client.control.resume(self)

    def suspend(self) -> Controlled:
        """Has it stand still; its running time stands still too."""
        return self._client.control.suspend(self)

    def signal(self, name: str | int, *, everybody: bool = False) -> Controlled:
        """Sends a signal to its main process, or to all of its processes, once."""
        return self._client.control.signal(self, name, everybody=everybody)

    def set_limit(self, seconds: float) -> Controlled:
        """Changes the limit of its running time, 0 for none."""
        return self._client.control.set_limit(self, seconds)

    def tag(self, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Controlled:
        """Puts words on it and takes others off."""
        return self._client.control.tag(self, add, remove)

    def events(self, after: int = 0, size: int = 100) -> Events:
        """What happened to it after the event of that number, oldest first."""
        return self._client.control.events(self, after, size)

    def output(self, stream: str = "stdout", first: int = 0, last: int = -1) -> Output:
        """The bytes of a stream from ``first`` to ``last``; a negative ``first`` is the tail."""
        return self._client.control.output(self, stream, first, last)

    def results(self) -> tuple[Result, ...]:
        """Its result sets so far; each reads its rows when it is asked for them."""
        return self._client.results(self)

    def log(
        self, from_line: int = 1, *, part: int = 0, size: int = 1000, wait: float = 0
    ) -> LogPage:
        """One page of its lines; waits up to ``wait`` seconds for the first of them."""
        return self._client.log(self, from_line, part=part, size=size, wait=wait)

    def follow(self, from_line: int = 1) -> Iterator[Line | Gap | End]:
        """Every line exactly once and in order from ``from_line`` on, and finally the End."""
        return self._client.follow(self, from_line)

    def lines(self, from_line: int = 1) -> Iterator[Line]:
        """The lines alone as they come, until the end of the task."""
        for item in self._client.follow(self, from_line):
            if isinstance(item, Line):
                yield item

    def news(
        self, from_line: int = 1, *, partial: bool = False, credit: int = 0
    ) -> Generator[tuple[News, ...]]:
        """As ``follow``, in batches as they come, and with the changes of state."""
        return self._client.news(self, from_line, partial=partial, credit=credit)

    def fetch(
        self, into: str | PathLike[str] = ".", patterns: Sequence[str] = ()
    ) -> tuple[Path, ...]:
        """Copies the files in its folder to here; where they are now.

        ``patterns`` are by default the ``outputs`` with which it was submitted, else all files.
        Raises Invalid if it was submitted from here without a folder.
        """
        if not self.workdir:
            raise Invalid("the task has no folder: it was submitted without files", field="workdir")
        wanted = patterns or self._outputs or ("*",)
        return self._client.files.fetch(self.workdir, into, wanted)
