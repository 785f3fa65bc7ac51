"""Stores over the real server, and specs to put in."""

from __future__ import annotations

import pytest
import pytest_asyncio

from gateway.stores.index_lease import IndexLeaseStore
from gateway.stores.queue import TaskQueue
from gateway.stores.redis_client import RedisClient
from gateway.stores.tasks import TaskStore

EPOCH = 1


@pytest.fixture
def lease(link: RedisClient) -> IndexLeaseStore:
    """The lease of the index."""
    return IndexLeaseStore(link)


@pytest_asyncio.fixture
async def tasks(link: RedisClient, lease: IndexLeaseStore) -> TaskStore:
    """The index, with the lease of a runner of epoch 1."""
    store = TaskStore(link)
    await lease.ready(EPOCH)
    return store


@pytest.fixture
def queue(link: RedisClient) -> TaskQueue:
    """The queue."""
    return TaskQueue(link)
