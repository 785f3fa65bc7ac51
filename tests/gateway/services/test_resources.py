"""The pool over the whole core."""

from __future__ import annotations

import json

import pytest

from engines.place import Grant, put
from engines.rundir.directory import GRANTED
from gateway.caller import Caller
from gateway.stores.allotment import Allotment, write_allotment
from gateway.stores.occupancy import OccupancyReport, OccupancyStore
from protocol.accounts import Principal, Reads, Role
from protocol.command import Command
from protocol.commands.resources import (
    DropResource,
    ListResources,
    PutResources,
    ReadAllotment,
    SetResourceState,
    TaskAllotment,
)
from protocol.commands.tasks import Execute
from protocol.errors import Kind
from protocol.resources import Leaf, LeafState, Wants
from protocol.tasks import ById, TaskId
from tests.support.parts import Core
from tests.support.refusals import refused_as

ANN, BOB, ADMIN = (
    Caller(Principal("ann", Role.USER)),
    Caller(Principal("bob", Role.USER)),
    Caller(Principal("root", Role.ADMIN)),
)


async def test_the_pool_is_the_slots_of_one_node_until_somebody_changes_it(core: Core) -> None:
    """Leaves are added alive, taken away when they are dead, and their ids are not used again."""
    task = TaskId("0190163d-8694-739b-aea5-966c26f8ad90")
    await OccupancyStore(core.parts.stores.redis).write(OccupancyReport({2: task}))
    report = await core.dispatch(Caller(None, reads=Reads.PUBLIC), ListResources())
    assert [one.leaf.id for one in report.leaves] == list(range(1, 65))
    assert [one.task for one in report.leaves[:3]] == ["", task, ""]
    assert report.memory_mb > 0
    made = await core.dispatch(ADMIN, PutResources(({"node": "new", "gpu": 1}, {"node": "new"})))
    assert made == (
        Leaf(65, properties={"node": "new", "gpu": 1}),
        Leaf(66, properties={"node": "new"}),
    )
    assert await refused_as(core.dispatch(ADMIN, DropResource(66))) is Kind.CONFLICT
    dead = await core.dispatch(ADMIN, SetResourceState(66, LeafState.DEAD))
    assert await core.dispatch(ADMIN, DropResource(66)) == dead
    (again,) = await core.dispatch(ADMIN, PutResources(({"node": "new"},)))
    assert again.id == 67
    assert len((await core.dispatch(ANN, ListResources())).leaves) == 66


@pytest.mark.parametrize(
    "command",
    [PutResources(({"node": "a"},)), SetResourceState(1, LeafState.DEAD), DropResource(1)],
)
async def test_others_change_nothing(core: Core, command: Command[object]) -> None:
    """Only administrators change the pool."""
    assert await refused_as(core.dispatch(ANN, command)) is Kind.FORBIDDEN


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (PutResources(()), Kind.INVALID),
        (PutResources(({},)), Kind.INVALID),
        (PutResources(({"node": "a"}, {"a b": 1})), Kind.INVALID),
        (PutResources(({"id": 5},)), Kind.INVALID),
        (PutResources(({"node": "x" * 257},)), Kind.INVALID),
        (PutResources(({"node": "a\nb"},)), Kind.INVALID),
        (PutResources(({"core": 1 << 60},)), Kind.INVALID),
        (PutResources(({"node": "a"},) * 10_001), Kind.INVALID),
        (SetResourceState(99, LeafState.DEAD), Kind.NOT_FOUND),
        (DropResource(99), Kind.NOT_FOUND),
    ],
)
async def test_what_cannot_be_is_refused(core: Core, command: Command[object], kind: Kind) -> None:
    """And nothing of it is made."""
    assert await refused_as(core.dispatch(ADMIN, command)) is kind
    assert len((await core.dispatch(ANN, ListResources())).leaves) == 64


async def test_what_a_task_was_given_is_its_owners_to_see(core: Core) -> None:
    """Nothing before it was given anything; for others there is no such task."""
    await core.parts.stores.lease.ready(1)
    task = await core.dispatch(ANN, Execute("shell", "shell", "true", "test", wants=Wants()))
    assert await core.dispatch(ANN, ReadAllotment(ById(task.id))) is None
    run = core.parts.stores.spool.find(task.id)
    assert run is not None
    leaf = Leaf(3, properties={"node": "a"})
    write_allotment(run, Allotment((leaf,), seconds=5.0, ports={"web": (4000,)}))
    found = await core.dispatch(ANN, ReadAllotment(ById(task.id)))
    assert found == TaskAllotment((leaf,), {"web": (4000,)}, 5.0)
    put(run, "slurm")
    grant = Grant("n2", "boot", "17", "me", "n2,n3")
    run.write_once(GRANTED, json.dumps(grant._asdict()).encode())
    found = await core.dispatch(ANN, ReadAllotment(ById(task.id)))
    assert found == TaskAllotment((leaf,), {"web": (4000,)}, 5.0, ("n2", "n3"))
    assert await refused_as(core.dispatch(BOB, ReadAllotment(ById(task.id)))) is Kind.NOT_FOUND
