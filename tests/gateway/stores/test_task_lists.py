"""Lists of tasks over the real server: what is due, what fits a filter, how many there are."""

from __future__ import annotations

from gateway.stores.tasks import TaskStore
from protocol.tasks import (
    ById,
    TaskState,
)
from tests.gateway.stores.conftest import EPOCH
from tests.support.specs import NOW_MS, make_spec


async def test_tasks_come_due_in_order(tasks: TaskStore) -> None:
    """Expired tasks are named, the longest overdue first, and no others."""
    late, later, last = (make_spec(expires_ms=NOW_MS + at) for at in (20, 10, 30))
    for spec in (late, later, last):
        await tasks.index(spec)
    assert list(await tasks.due(NOW_MS + 20)) == [later.task_id, late.task_id]
    assert list(await tasks.due(NOW_MS + 99, 1)) == [later.task_id]


async def test_lists_are_newest_first_and_filtered(tasks: TaskStore) -> None:
    """Every filter, alone and together, gives what a plain filter over all tasks gives."""
    specs = [
        make_spec(
            owner=("ann", "bob")[n % 2], dialect=("x", "y")[n % 3 == 0], created_ms=NOW_MS + n
        )
        for n in range(12)
    ]
    for n, spec in enumerate(specs):
        await tasks.restore(spec, EPOCH, (TaskState.QUEUED, TaskState.LOST)[n % 4 == 0], at_ms=1)
    everything = [await tasks.read(ById(spec.task_id)) for spec in reversed(specs)]
    assert await tasks.list() == everything
    assert await tasks.list("bob") == [task for task in everything if task.owner == "bob"]
    found = await tasks.list(
        states=(TaskState.LOST, TaskState.FAILED), from_ms=NOW_MS + 3, to_ms=NOW_MS + 8
    )
    assert [task.created_ms - NOW_MS for task in found] == [8, 4]
    assert await tasks.list(dialect="y") == [task for task in everything if task.dialect == "y"]
    assert await tasks.list(limit=3, offset=2) == everything[2:5]
    assert await tasks.list("nobody") == []


async def test_long_lists_are_read_in_steps(tasks: TaskStore) -> None:
    """A filter that fits little still finds all of it, over many bounded steps."""
    wanted = []
    for n in range(1, 1101):
        spec = make_spec(number=n, dialect="rare" if n % 550 == 1 else "")
        await tasks.index(spec)
        wanted += [n] if spec.dialect else []
    found = await tasks.list(dialect="rare", limit=50)
    assert [task.number for task in found] == wanted[::-1]
    assert len(await tasks.list(limit=1200)) == 1100


async def test_counting(tasks: TaskStore) -> None:
    """A count says how many a list would have, by the same filters, in steps of bounded work."""
    for number in range(1, 8):
        owner = "ann" if number % 2 else "bob"
        await tasks.index(make_spec(owner, number, created_ms=NOW_MS + number))
    assert await tasks.count() == 7
    assert await tasks.count("ann") == 4
    assert await tasks.count("nobody") == 0
    assert await tasks.count(states=(TaskState.QUEUED,)) == 7
    assert await tasks.count(states=(TaskState.RUNNING, TaskState.FAILED)) == 0
    assert await tasks.count(from_ms=NOW_MS + 3, to_ms=NOW_MS + 5) == 3
    assert await tasks.count(dialect="other") == 0
    assert await tasks.count(first_number=6) == 2
    assert await tasks.count(most=3) == 3
    assert [task.number for task in await tasks.list(first_number=6)] == [7, 6]
