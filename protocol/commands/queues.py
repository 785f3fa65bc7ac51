"""Queues: lines of waiting tasks with a part of the pool each."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.command import Command
from protocol.resources import Queue, QueueStatus

__all__ = ["DropQueue", "ListQueues", "PutQueue", "QueueReport", "SetQueueStatus"]


@dataclass(frozen=True, slots=True)
class QueueReport:
    """A queue and how busy it is.

    ``share_slots`` and ``ceiling_slots`` are what its percentages come to. ``used_slots`` and
    ``used_memory_mb`` are what its ``running`` tasks have; ``waiting`` counts those that wait.
    Tasks of a ``placed`` queue run on a cluster, and nothing of this node's pool is theirs.
    """

    queue: Queue
    share_slots: int
    ceiling_slots: int
    used_slots: int = 0
    used_memory_mb: int = 0
    running: int = 0
    waiting: int = 0
    placed: bool = False


@dataclass(frozen=True, slots=True)
class ListQueues(Command[tuple[QueueReport, ...]]):
    """Asks for all queues by name; with ``names`` for those of them that there are."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PutQueue(Command[Queue]):
    """Asks for a queue to be made, or to be changed to this."""

    queue: Queue


@dataclass(frozen=True, slots=True)
class SetQueueStatus(Command[Queue]):
    """Asks for a queue to be stopped, so that it drains, or to be opened again."""

    name: str
    status: QueueStatus


@dataclass(frozen=True, slots=True)
class DropQueue(Command[Queue]):
    """Asks for a queue to be removed; a conflict while tasks wait or run in it."""

    name: str
