"""What the scheduler is told of those who wait, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.resources import Wants

__all__ = ["Claim", "Plan", "Start"]

_PLAIN = Wants()


@dataclass(frozen=True, slots=True)
class Claim:
    """Tasks of one user that need the same (oldest first), and what the user has and had.

    ``running`` counts the user's leaves in use. ``weight`` is how much the user gets for each one
    of a user of weight 1. ``wants`` is what a task needs, None for one leaf of the default queue;
    if ``members`` are given, each of the ``tasks`` stands for a group that starts together, and
    these are what its members need. ``seconds`` is a task's time limit, 0 for none.
    """

    owner: str
    tasks: tuple[str, ...]
    running: int = 0
    virtual_time: float = 0.0
    weight: float = 1.0
    wants: Wants | None = None
    members: tuple[Wants, ...] = ()
    seconds: float = 0.0
    start_at_ms: int = 0

    @property
    def need(self) -> Wants:
        """What decides about queue and order."""
        return self.members[0] if self.members else self.wants or _PLAIN

    @property
    def memory_mb(self) -> int:
        """The memory of all that starts together."""
        return sum(part.memory_mb for part in self.members or (self.need,))


@dataclass(frozen=True, slots=True)
class Start:
    """A task to start now, and the virtual time that its owner has from then on.

    ``leaves`` are those of the task, or of each member of a group. ``seconds`` is the time limit of
    the alternative that was taken, 0 for none.
    """

    task_id: str
    owner: str
    virtual_time: float
    leaves: tuple[tuple[int, ...], ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: tasks to start in order, runs to end for others, and why the rest waits.

    A reason is by the first task of its claim.
    """

    starts: tuple[Start, ...] = ()
    preemptions: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
