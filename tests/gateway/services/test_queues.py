"""Queues over the whole core: who may see and change them, and what cannot be."""

from __future__ import annotations

import math

import pytest

from gateway.caller import Caller
from gateway.stores.occupancy import OccupancyReport, OccupancyStore, QueueUse
from protocol.accounts import Principal, Reads, Role
from protocol.command import Command
from protocol.commands.directory import AddUser, Join, ListUserGroups, PutGroup
from protocol.commands.queues import DropQueue, ListQueues, PutQueue, SetQueueStatus
from protocol.commands.tasks import Execute
from protocol.errors import Kind, Subject
from protocol.expressions import Expr
from protocol.resources import Pick, Queue, QueueStatus, Shape, Wants, slots
from tests.support.parts import Core
from tests.support.refusals import refusal, refused_as

ANN, ADMIN = Caller(Principal("ann", Role.USER)), Caller(Principal("root", Role.ADMIN))


async def test_queues_are_made_changed_and_removed_by_administrators(core: Core) -> None:
    """Everybody sees them, also who is not logged in where a route opens that."""
    await core.dispatch(ADMIN, PutQueue(Queue("vc1", 25.0, 50.0)))
    await core.dispatch(ADMIN, SetQueueStatus("vc1", QueueStatus.STOPPED))
    use = QueueUse(3, 100, 2, 1)
    await OccupancyStore(core.parts.stores.redis).write(OccupancyReport({}, {"vc1": use}))
    for caller in (ANN, ADMIN, Caller(None, reads=Reads.PUBLIC)):
        default, vc1 = await core.dispatch(caller, ListQueues())
        assert (default.queue, default.ceiling_slots) == (Queue("default"), 64)
        assert vc1.queue == Queue("vc1", 25.0, 50.0, QueueStatus.STOPPED)
        assert (vc1.share_slots, vc1.ceiling_slots) == (16, 32)
        assert (vc1.used_slots, vc1.used_memory_mb, vc1.running, vc1.waiting) == (3, 100, 2, 1)
    assert await refused_as(core.dispatch(ADMIN, DropQueue("vc1"))) is Kind.CONFLICT
    await OccupancyStore(core.parts.stores.redis).write(OccupancyReport())
    await core.dispatch(ADMIN, DropQueue("vc1"))
    assert [one.queue.name for one in await core.dispatch(ANN, ListQueues())] == ["default"]
    assert await core.dispatch(ANN, ListQueues(("vc1",))) == ()


@pytest.mark.parametrize(
    "command",
    [PutQueue(Queue("vc1")), SetQueueStatus("default", QueueStatus.STOPPED), DropQueue("default")],
)
async def test_others_change_nothing(core: Core, command: Command[object]) -> None:
    """A user is forbidden, a stranger is to log in."""
    assert await refused_as(core.dispatch(ANN, command)) is Kind.FORBIDDEN
    assert await refused_as(core.dispatch(Caller(None), command)) is Kind.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (PutQueue(Queue("")), Kind.INVALID),
        (PutQueue(Queue("a b")), Kind.INVALID),
        (PutQueue(Queue("a", share=-1.0)), Kind.INVALID),
        (PutQueue(Queue("a", share=60.0, ceiling=50.0)), Kind.INVALID),
        (PutQueue(Queue("a", ceiling=100.5)), Kind.INVALID),
        (PutQueue(Queue("a", ceiling=math.nan)), Kind.INVALID),
        (PutQueue(Queue("a", priority=1 << 40)), Kind.INVALID),
        (PutQueue(Queue("a", description="x" * 1001)), Kind.INVALID),
        (SetQueueStatus("none", QueueStatus.STOPPED), Kind.NOT_FOUND),
        (DropQueue("none"), Kind.NOT_FOUND),
        (DropQueue("default"), Kind.CONFLICT),
    ],
)
async def test_what_cannot_be_is_refused(core: Core, command: Command[object], kind: Kind) -> None:
    """And nothing is changed by it."""
    assert await refused_as(core.dispatch(ADMIN, command)) is kind
    assert len(await core.dispatch(ANN, ListQueues())) == 1


async def test_shares_are_of_one_whole(core: Core) -> None:
    """All shares together stay below a hundred percent; exactly a hundred is allowed."""
    await core.dispatch(ADMIN, PutQueue(Queue("a", share=60.0)))
    assert await refused_as(core.dispatch(ADMIN, PutQueue(Queue("b", share=41.0)))) is Kind.CONFLICT
    await core.dispatch(ADMIN, PutQueue(Queue("b", share=40.0)))
    await core.dispatch(ADMIN, PutQueue(Queue("a", share=10.0)))


@pytest.mark.parametrize(
    ("wants", "kind", "subject"),
    [
        (Wants(queue="none"), Kind.INVALID, Subject.QUEUE),
        (Wants(queue="shut"), Kind.CONFLICT, Subject.QUEUE),
        (Wants((slots(65),)), Kind.INVALID, Subject.RESOURCE),
        (Wants((slots(65), slots(2)), queue="open"), None, None),
        (Wants((slots(1, filter_=Expr("speed > 1")),)), Kind.INVALID, Subject.NONE),
        (Wants((Shape((Pick(levels=(("rack", 1),)),)),)), Kind.INVALID, Subject.NONE),
        (Wants((slots(1, filter_=Expr("core > 1 AND id < 9 AND node LIKE '%'")),)), None, None),
    ],
)
async def test_what_could_never_start_is_refused(
    core: Core, wants: Wants, kind: Kind | None, subject: Subject | None
) -> None:
    """A submission is looked at before it is accepted."""
    await core.parts.stores.lease.ready(1)
    await core.dispatch(ADMIN, PutQueue(Queue("shut", status=QueueStatus.STOPPED)))
    await core.dispatch(ADMIN, PutQueue(Queue("open")))
    await core.dispatch(ADMIN, PutGroup("default", queues=("default", "open")))
    execute = Execute("shell", "shell", "true", "test", wants=wants)
    if kind is None:
        assert (await core.dispatch(ANN, execute)).number > 0
    else:
        error = await refusal(core.dispatch(ANN, execute))
        assert (error.kind, error.subject) == (kind, subject)


async def test_groups_say_who_may_submit_to_a_queue(core: Core) -> None:
    """The default queue is for all, others for whom a group grants them, all for administrators."""
    wants = Wants((slots(1),), queue="vc1")
    execute, plain = (
        Execute("shell", "shell", "true", "linkis", wants=one) for one in (wants, None)
    )
    await core.parts.stores.lease.ready(1)
    await core.dispatch(ADMIN, PutQueue(Queue("vc1", 25.0, 50.0)))
    for name, groups in (("ann", ()), ("root", ("admin",))):
        await core.dispatch(ADMIN, AddUser(name, "correct horse", groups=groups))
    error = await refusal(core.dispatch(ANN, execute))
    assert (error.kind, error.subject, error.field) == (Kind.FORBIDDEN, Subject.QUEUE, "queue")
    assert error.message == "user ann may not submit to queue vc1"
    assert (await core.dispatch(ANN, plain)).owner == "ann"
    assert (await core.dispatch(ADMIN, execute)).owner == "root"
    await core.dispatch(ADMIN, PutGroup("vc1", queues=("vc1",)))
    await core.dispatch(ADMIN, Join("ann", "vc1"))
    assert (await core.dispatch(ANN, execute)).owner == "ann"
    await core.dispatch(ADMIN, PutGroup("default", queues=()))
    assert await refused_as(core.dispatch(ANN, plain)) is Kind.FORBIDDEN
    await core.dispatch(ADMIN, DropQueue("vc1"))
    (group,) = await core.dispatch(ADMIN, ListUserGroups("vc1"))
    assert group.queues == ()
