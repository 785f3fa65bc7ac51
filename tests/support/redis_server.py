"""A real Redis for tests: one private server for each test process, emptied for each test."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.data_paths import DataPaths
from gateway.stores import keys
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.redis_access import private_url
from gateway.stores.redis_client import RedisClient
from gateway.stores.replies import integer, items, text

__all__ = [
    "finish",
    "index_url",
    "leaks",
    "link",
    "operator",
    "redis_folder",
    "redis_server",
]


def index_url(data: Path) -> str:
    """Where the private server of a data folder is reached, with its password."""
    paths = DataPaths.of(data)
    return private_url(paths.redis, paths.redis_socket)


def finish(work: Coroutine[object, object, None]) -> None:
    """Runs a coroutine to its end on a loop of its own, without touching the current one."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """The server of this test process."""
    with tempfile.TemporaryDirectory(prefix="nx") as folder:
        server = EmbeddedRedis(Path(folder) / "data", Path(folder) / "redis.sock")
        finish(server.start())
        try:
            yield server
        finally:
            finish(server.stop())


@pytest.fixture
def redis_folder() -> Iterator[Path]:
    """A folder whose path is short enough for sockets, for servers of a test's own."""
    with tempfile.TemporaryDirectory(prefix="nx") as folder:
        yield Path(folder)


@pytest_asyncio.fixture
async def link(redis_server: EmbeddedRedis) -> AsyncIterator[RedisClient]:
    """A way to the emptied server; afterwards every key left must have a life or a reason."""
    link = RedisClient(redis_server.url)
    await link.call("FLUSHALL")
    try:
        yield link
        found = await leaks(link)
        await link.call("FLUSHALL")
    finally:
        await link.close()
    if found:
        pytest.fail(f"keys without a life: {', '.join(found)}")


@pytest_asyncio.fixture
async def operator(redis_server: EmbeddedRedis) -> AsyncIterator[RedisClient]:
    """A way to the server for what the gateway itself may not do: settings, other clients."""
    link = RedisClient(redis_server.operator_url)
    try:
        yield link
    finally:
        await link.close()


async def leaks(link: RedisClient) -> list[str]:
    """The keys that are not ours, or live for ever without a reason."""
    found = []
    for item in items(await link.call("KEYS", "*")):
        key = text(item)
        family = keys.family(key)
        mortal = family is not None and integer(await link.call("PTTL", key)) != -1
        if family is None or not (mortal or family.lifeless):
            found.append(key)
    return found
