"""Kills with an account of them. Whether there is a kill at all is asked by ``Kill``."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.command import Command
from protocol.kills import KillReport
from protocol.tasks import TaskRef

__all__ = ["KillAndReport", "ReadKill"]


@dataclass(frozen=True, slots=True)
class KillAndReport(Command[KillReport]):
    """Asks for a task to end, as Kill does, and for the account of it.

    Waits up to ``wait_seconds`` for the end.
    """

    task: TaskRef
    grace_seconds: float = -1.0
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ReadKill(Command[KillReport]):
    """Asks for the account of a kill without asking for one; waits for the end of one begun."""

    task: TaskRef
    wait_seconds: float = 0.0
