"""Resources and queues: what there is to give out, and what a task may ask for.

The smallest thing given out is a leaf, such as a core of a processor of a node. What lies above it
(the processor, the node) are properties of the leaf, so that a pool is a flat table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from protocol.expressions import ALWAYS, Expr, Value

__all__ = [
    "ALL",
    "BEST",
    "BEST_HALF",
    "DEFAULT_QUEUE",
    "LEAF_ID",
    "NODE",
    "Leaf",
    "LeafState",
    "Pick",
    "Ports",
    "Queue",
    "QueueStatus",
    "Shape",
    "Wants",
    "part_of",
    "slots",
]

ALL = -1
"""As a count of a level: every value there is."""
BEST = -2
"""As a count of a level: as many values as are free, at least one."""
BEST_HALF = -3
"""As a count of a level: half of as many as are free, at least one."""

DEFAULT_QUEUE = "default"
"""The queue of tasks that name none; it is always there."""
LEAF_ID = "id"
"""The property of a leaf that is the leaf itself."""
NODE = "node"
"""The property of a leaf that names its machine."""


class LeafState(StrEnum):
    """Whether a leaf is given out: only an alive one is.

    An absent or suspected one keeps the runs that it has; those of a dead one are killed.
    """

    ALIVE = "alive"
    ABSENT = "absent"
    SUSPECTED = "suspected"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Leaf:
    """The smallest thing that is given out. ``id`` counts from 1 and is never used again."""

    id: int
    state: LeafState = LeafState.ALIVE
    properties: Mapping[str, str | int] = field(default_factory=dict)

    def values(self) -> Mapping[str, Value]:
        """The properties as an expression sees them, the leaf's own id included."""
        return {**self.properties, LEAF_ID: self.id}


class QueueStatus(StrEnum):
    """Whether a queue takes tasks and starts them: a stopped one does neither.

    What runs goes on. A stopped queue with live runs is what others call draining.
    """

    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Queue:
    """A line of waiting tasks with a part of the pool: a virtual cluster, a partition.

    ``share`` and ``ceiling`` are percent of the pool's alive leaves. Below its share a queue goes
    first; beyond its ceiling it gets nothing. Of two queues the one with the larger ``priority``
    goes first. ``description`` is for people.
    """

    name: str
    share: float = 0.0
    ceiling: float = 100.0
    status: QueueStatus = QueueStatus.RUNNING
    priority: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True)
class Pick:
    """A part of the pool: leaves that fit ``filter``, by levels.

    Of the first level's property so many different values are taken, below each of them so many of
    the next, and at the end all leaves below the last. A count is positive or ALL, BEST, BEST_HALF.
    """

    filter: Expr = ALWAYS
    levels: tuple[tuple[str, int], ...] = ((LEAF_ID, 1),)


@dataclass(frozen=True, slots=True)
class Shape:
    """One way in which a task can run: disjoint parts of the pool, and for how long at most.

    ``seconds`` 0 is no limit of its own.
    """

    groups: tuple[Pick, ...] = (Pick(),)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Ports:
    """So many TCP ports that nobody uses. With ``first`` exactly those from there on."""

    count: int = 1
    first: int = 0


@dataclass(frozen=True, slots=True)
class Wants:
    """What a task needs before it can start.

    Of the ``alternatives`` the one that ends first is taken of those that fit; none is one leaf.
    ``ports`` are by label. Of two tasks of a queue the one with the larger ``priority`` goes first.
    A ``preemptible`` task is killed when one that is not needs its leaves.
    """

    alternatives: tuple[Shape, ...] = ()
    queue: str = DEFAULT_QUEUE
    memory_mb: int = 0
    ports: Mapping[str, Ports] = field(default_factory=dict)
    priority: int = 0
    preemptible: bool = False

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The alternatives, of which there is always one."""
        return self.alternatives or (Shape(),)


def part_of(leaves: int, percent: float) -> int:
    """Percent of so many leaves, at least one of more than nothing."""
    part = int(percent * leaves / 100 + 1e-9)
    return max(part, 1) if percent > 0 else 0


def slots(count: int, seconds: float = 0.0, filter_: Expr = ALWAYS) -> Shape:
    """So many leaves, wherever they are."""
    return Shape((Pick(filter_, ((LEAF_ID, count),)),), seconds)
