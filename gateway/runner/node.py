"""What everybody in the runner works with: the stores, the epoch, the settings, the live runs."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.config import Config
from gateway.runner.clock_guard import ClockGuard
from gateway.runner.live_runs import LiveRuns
from gateway.runner.occupancy import Occupancy
from gateway.runner.output_files import OutputFiles
from gateway.stores.bulk_restore import BulkRestore
from gateway.stores.control import ControlStore
from gateway.stores.groups import GroupStore
from gateway.stores.index_lease import IndexLeaseStore
from gateway.stores.logs import LogStore
from gateway.stores.number_floor import NumberFloor
from gateway.stores.objects import Objects
from gateway.stores.occupancy import OccupancyStore
from gateway.stores.partials import PartialStore
from gateway.stores.queue import TaskQueue
from gateway.stores.request_homes import RequestHomes
from gateway.stores.spool import Spool
from gateway.stores.tasks import TaskStore
from gateway.tracing.tracer import Tracer

__all__ = ["Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """One node as its runner sees it. ``epoch`` goes with every write to Redis.

    ``clock_guard`` says what has grown old, where that ends something. ``tracer`` takes spans, None
    while tracing is off. ``numbers`` and ``homes`` are None for a node that is alone.
    """

    epoch: int
    config: Config
    tasks: TaskStore
    lease: IndexLeaseStore
    bulk_restore: BulkRestore
    queue: TaskQueue
    logs: LogStore
    partials: PartialStore
    spool: Spool
    objects: Objects
    controls: ControlStore
    live_runs: LiveRuns
    occupancy: Occupancy
    occupancy_store: OccupancyStore
    groups: GroupStore
    clock_guard: ClockGuard
    output_files: OutputFiles
    tracer: Tracer | None = None
    numbers: NumberFloor | None = None
    homes: RequestHomes | None = None
