"""The pool: seen by everybody, changed by administrators."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from engines.place import granted
from engines.rundir.directory import RunDir
from gateway.caller import Access, Caller
from gateway.config import Runner
from gateway.services.lookup import Lookup
from gateway.services.parts import Parts
from gateway.services.service import Verb, for_user
from gateway.stores.allotment import read_allotment
from gateway.stores.occupancy import OccupancyStore
from gateway.stores.pool import PoolFile
from gateway.stores.spool import Spool
from protocol.accounts import Principal
from protocol.commands.resources import (
    DropResource,
    LeafReport,
    ListResources,
    PoolReport,
    PutResources,
    ReadAllotment,
    SetResourceState,
    TaskAllotment,
)
from protocol.errors import GatewayError, Kind
from protocol.resources import LEAF_ID, Leaf
from protocol.tasks import Task, TaskId

__all__ = ["ResourceService", "check_properties"]

_MOST_AT_ONCE = 10_000
_MOST_PROPERTIES = 64
_MOST_TEXT = 256
_MOST_NUMBER = 1 << 53
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_MB = 1 << 20


class ResourceService:
    """Carries out the commands on the pool."""

    def __init__(
        self,
        pool: PoolFile,
        occupancy: OccupancyStore,
        spool: Spool,
        lookup: Lookup,
        settings: Runner,
    ) -> None:
        self._pool = pool
        self._occupancy = occupancy
        self._spool = spool
        self._lookup = lookup
        self._memory_mb = settings.pool_memory_mb or _machine_memory_mb()

    @classmethod
    def of(cls, parts: Parts) -> ResourceService:
        """The service of a gateway."""
        stores = parts.stores
        return cls(
            stores.pool, stores.occupancy, stores.spool, parts.get(Lookup), parts.config.runner
        )

    @property
    def verbs(self) -> Sequence[Verb[Any, Any]]:
        """What is done for which command."""
        return (
            Verb(ListResources, Access.READ, self.list),
            Verb(PutResources, Access.ADMIN, for_user(self.put)),
            Verb(SetResourceState, Access.ADMIN, for_user(self.set_state)),
            Verb(DropResource, Access.ADMIN, for_user(self.drop)),
            Verb(ReadAllotment, Access.READ, self._lookup.on_task(self.allotment)),
        )

    async def list(self, _caller: Caller, _command: ListResources) -> PoolReport:
        """Every leaf and who has it."""
        leaves = await asyncio.to_thread(self._pool.leaves)
        report = await self._occupancy.read()
        return PoolReport(
            tuple(LeafReport(leaf, report.leaves.get(leaf.id, TaskId(""))) for leaf in leaves),
            self._memory_mb,
            sum(use.memory_mb for use in report.queues.values()),
        )

    async def put(self, _user: Principal, command: PutResources) -> tuple[Leaf, ...]:
        """Makes new leaves."""
        if not 1 <= len(command.properties) <= _MOST_AT_ONCE:
            raise GatewayError(Kind.INVALID, f"1 to {_MOST_AT_ONCE} leaves are made at once")
        for properties in command.properties:
            check_properties(properties)
        return await asyncio.to_thread(self._pool.add, command.properties)

    async def set_state(self, _user: Principal, command: SetResourceState) -> Leaf:
        """Changes whether a leaf is given out."""
        return await asyncio.to_thread(self._pool.set_state, command.leaf_id, command.state)

    async def drop(self, _user: Principal, command: DropResource) -> Leaf:
        """Removes a dead leaf."""
        return await asyncio.to_thread(self._pool.drop, command.leaf_id)

    async def allotment(self, task: Task, _command: ReadAllotment) -> TaskAllotment | None:
        """What a task was given."""
        run = await asyncio.to_thread(self._spool.find, task.id)
        return await asyncio.to_thread(_allotment, run) if run else None


def _allotment(run: RunDir) -> TaskAllotment | None:
    """What is on record of what a run was given. Blocks."""
    found, grant = read_allotment(run), granted(run) if run.placed() else None
    if found is None:
        return None
    machines = grant.machines if grant is not None else ()
    return TaskAllotment(found.leaves, found.ports, found.seconds, machines)


def check_properties(properties: Mapping[str, str | int]) -> None:
    """Refuses properties that no leaf can have.

    Raises:
        GatewayError: INVALID, with the field.
    """
    if not 1 <= len(properties) <= _MOST_PROPERTIES:
        raise GatewayError(Kind.INVALID, f"a leaf has 1 to {_MOST_PROPERTIES} properties")
    for name, value in properties.items():
        if not _NAME.fullmatch(name) or name == LEAF_ID:
            raise GatewayError(
                Kind.INVALID,
                "a property is named by letters, digits and underscores",
                field=name[:64],
            )
        if isinstance(value, str):
            fits = len(value) <= _MOST_TEXT and value.isprintable()
        else:
            fits = not isinstance(value, bool) and abs(value) <= _MOST_NUMBER
        if not fits:
            raise GatewayError(
                Kind.INVALID, f"property {name} is a short text or a whole number", field=name
            )


def _machine_memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MB
