"""The pool: what there is to give out, and who has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.command import Command
from protocol.resources import Leaf, LeafState
from protocol.tasks import TaskId, TaskRef

__all__ = [
    "DropResource",
    "LeafReport",
    "ListResources",
    "PoolReport",
    "PutResources",
    "ReadAllotment",
    "SetResourceState",
    "TaskAllotment",
]


@dataclass(frozen=True, slots=True)
class LeafReport:
    """A leaf and the task that has it, empty if none does."""

    leaf: Leaf
    task: TaskId


@dataclass(frozen=True, slots=True)
class PoolReport:
    """The pool and how much of it is in use. Memory is that of tasks that asked for some."""

    leaves: tuple[LeafReport, ...]
    memory_mb: int
    used_memory_mb: int


@dataclass(frozen=True, slots=True)
class ListResources(Command[PoolReport]):
    """Asks for all leaves in the order of their ids, and who has them at the moment."""


@dataclass(frozen=True, slots=True)
class PutResources(Command[tuple[Leaf, ...]]):
    """Asks for new leaves with these properties; all of them are made, or none."""

    properties: tuple[Mapping[str, str | int], ...]


@dataclass(frozen=True, slots=True)
class SetResourceState(Command[Leaf]):
    """Asks for a leaf to be given out or not; those who run on a dead one are killed."""

    leaf_id: int
    state: LeafState


@dataclass(frozen=True, slots=True)
class DropResource(Command[Leaf]):
    """Asks for a leaf to be removed, which has to be dead. What ran there keeps its history."""

    leaf_id: int


@dataclass(frozen=True, slots=True)
class TaskAllotment:
    """What a task was given: leaves as they were, ports by label, and its time limit.

    ``nodes`` are the machines of a task that runs somewhere else, where there are no leaves.
    """

    leaves: tuple[Leaf, ...]
    ports: Mapping[str, tuple[int, ...]]
    seconds: float
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadAllotment(Command[TaskAllotment | None]):
    """Asks what a task was given of the pool; None if it was given nothing that is on record."""

    task: TaskRef
