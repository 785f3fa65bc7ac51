"""Stores over the real server, and specs to put in."""

from __future__ import annotations

import pytest
import pytest_asyncio

from gateway.stores.link import Link
from gateway.stores.queue import TaskQueue
from gateway.stores.tasks import TaskStore

EPOCH = 1


@pytest_asyncio.fixture
async def tasks(link: Link) -> TaskStore:
    """The index, vouched for by a runner of epoch 1."""
    store = TaskStore(link)
    await store.ready(EPOCH)
    return store


@pytest.fixture
def queue(link: Link) -> TaskQueue:
    """The queue."""
    return TaskQueue(link)
