"""What owners share with others: a list of tasks without their code and environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.command import Command
from protocol.tasks import Outcome, Progress, Task, TaskId, TaskState

__all__ = ["Board", "PublicTask", "ReadBoard"]


@dataclass(frozen=True, slots=True)
class PublicTask:
    """What others may know of a task that its owner shares.

    ``client`` are the words of its dialect, which therefore puts none there of a shared task that
    are nobody else's affair. The rest is as in ``Task``.
    """

    id: TaskId
    number: int
    owner: str
    name: str
    dialect: str
    engine: str
    state: TaskState
    created_ms: int
    started_ms: int
    finished_ms: int
    progress: Progress
    outcome: Outcome | None
    client: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task) -> PublicTask:
        """What others may know of this task."""
        return cls(
            task.id,
            task.number,
            task.owner,
            task.name,
            task.dialect,
            task.engine,
            task.state,
            task.created_ms,
            task.started_ms,
            task.finished_ms,
            task.progress,
            task.outcome,
            task.client,
        )


@dataclass(frozen=True, slots=True)
class Board:
    """Some of the shared tasks that fit, and how many do among those that were looked at."""

    tasks: tuple[PublicTask, ...]
    total: int


@dataclass(frozen=True, slots=True)
class ReadBoard(Command[Board]):
    """Asks for the shared tasks of a dialect, newest first.

    Of the caller's own all, of others' those that the route or its mount opens. What is empty or 0
    fits anything; ``words`` are client words that a task must hold. Times are ms since the epoch.
    """

    dialect: str
    owner: str = ""
    states: tuple[TaskState, ...] = ()
    from_ms: int = 0
    to_ms: int = 0
    words: tuple[tuple[str, str], ...] = ()
    limit: int = 100
    offset: int = 0
