"""The lease of the index over the real server."""

from __future__ import annotations

from gateway.stores.index_lease import IndexLeaseStore, IndexStatus
from gateway.stores.redis_client import RedisClient
from gateway.stores.tasks import QueueLimits, TaskStore
from protocol.errors import Kind
from protocol.tasks import ByNumber
from tests.gateway.stores.conftest import EPOCH
from tests.support.refusals import refusal, refused_as

_NONE = QueueLimits()


async def test_nothing_is_accepted_before_a_runner_is_ready(link: RedisClient) -> None:
    """Without a runner's word the queue is closed, with a hint to come again."""
    error = await refusal(TaskStore(link).reserve("ann", _NONE))
    assert error.kind is Kind.UNAVAILABLE
    assert error.retry_after > 0


async def test_a_lease_covers_a_part_as_well(
    tasks: TaskStore, lease: IndexLeaseStore, link: RedisClient
) -> None:
    """While ended tasks are brought back tasks are accepted, and an unknown one is never denied."""
    assert await lease.rebuild(EPOCH) is IndexStatus.PARTIAL
    await lease.require()
    assert await tasks.reserve("ann", _NONE)
    assert await refused_as(tasks.read(ByNumber(99))) is Kind.UNAVAILABLE
    assert await lease.beat(EPOCH, word=IndexStatus.WHOLE, before=IndexStatus.PARTIAL)
    assert await refused_as(tasks.read(ByNumber(99))) is Kind.NOT_FOUND
    await link.call("FLUSHALL")
    assert await lease.rebuild(EPOCH) is IndexStatus.REBUILDING
    assert await refused_as(lease.require()) is Kind.UNAVAILABLE
