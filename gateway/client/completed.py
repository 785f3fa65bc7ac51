"""A task that has ended, with what it printed: what ``run`` comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from gateway.client.errors import TaskFailed
from gateway.client.results import AsyncResult, Result
from gateway.client.values import End
from protocol.logs import Line, Stream

if TYPE_CHECKING:
    from gateway.client.async_task import AsyncTask
    from gateway.client.task import Task

__all__ = ["KEPT_LINES", "AsyncCompleted", "Completed"]

KEPT_LINES = 100_000
"""How many of the last lines of a task are kept here; its log has all of them."""

T = TypeVar("T", "Task", "AsyncTask")


@dataclass(frozen=True, slots=True)
class _Ended(Generic[T]):
    """How a task ended. ``lines`` are the last of what it printed, ``reason`` why it failed."""

    task: T
    end: End
    lines: tuple[Line, ...]
    reason: str = ""

    @property
    def status(self) -> str:
        """``Succeed``, ``Failed``, ``Cancelled`` or ``Timeout``."""
        return self.end.status

    @property
    def exit_code(self) -> int | None:
        """How its program left; None if it did not, such as of a statement in a session."""
        return self.end.exit_code

    @property
    def signal(self) -> int | None:
        """The signal that ended its program; None if none did."""
        return self.end.signal

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.end.status == "Succeed"

    @property
    def output(self) -> str:
        """What it printed, both streams, in order."""
        return _text(self.lines)

    @property
    def stdout(self) -> str:
        """What it printed to its standard output."""
        return _text(line for line in self.lines if line.stream is Stream.OUT)

    @property
    def stderr(self) -> str:
        """What it printed to its standard error."""
        return _text(line for line in self.lines if line.stream is Stream.ERR)

    def check(self) -> Self:
        """Itself if the task succeeded; raises TaskFailed if it did not."""
        if self.ok:
            return self
        how = self.status.lower() if self.exit_code is None else f"exit code {self.exit_code}"
        words = f"task {self.task.task_id} failed ({how})"
        raise TaskFailed(
            f"{words}: {self.reason}" if self.reason else words,
            exec_id=self.task.exec_id,
            word=self.status,
            exit_code=self.exit_code,
        )


class Completed(_Ended["Task"]):
    """A task that has ended, for threads.

    Example:
        ``print(client.run("echo hello").check().stdout)``
    """

    __slots__ = ()

    def results(self) -> tuple[Result, ...]:
        """Its result sets."""
        return self.task.results()

    def fetch(self, into: str | PathLike[str] = ".") -> tuple[Path, ...]:
        """Copies the files that it wrote to here; where they are now."""
        return self.task.fetch(into)


class AsyncCompleted(_Ended["AsyncTask"]):
    """A task that has ended, for asyncio.

    Example:
        ``print((await client.run("echo hello")).check().stdout)``
    """

    __slots__ = ()

    async def results(self) -> tuple[AsyncResult, ...]:
        """Its result sets."""
        return await self.task.results()

    async def fetch(self, into: str | PathLike[str] = ".") -> tuple[Path, ...]:
        """Copies the files that it wrote to here; where they are now."""
        return await self.task.fetch(into)


def _text(lines: Iterable[Line]) -> str:
    """Lines as they were printed; the parts of a long one joined."""
    return "".join(line.text if line.more else f"{line.text}\n" for line in lines)
