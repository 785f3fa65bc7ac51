"""What everybody in the runner works with: the stores, the epoch, the settings, the live runs."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.config import Config
from gateway.runner.roster import Roster
from gateway.runner.steady import SteadyClock
from gateway.stores.logs import LogStore
from gateway.stores.objects import Objects
from gateway.stores.partials import PartialStore
from gateway.stores.queue import TaskQueue
from gateway.stores.revival import Revival
from gateway.stores.spool import Spool
from gateway.stores.tasks import TaskStore

__all__ = ["Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """One node as its runner sees it. ``epoch`` goes with every write to Redis.

    ``steady`` says what has grown old, where that ends something.
    """

    epoch: int
    config: Config
    tasks: TaskStore
    revival: Revival
    queue: TaskQueue
    logs: LogStore
    partials: PartialStore
    spool: Spool
    objects: Objects
    roster: Roster
    steady: SteadyClock
