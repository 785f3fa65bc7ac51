"""One node works on one Redis, and another is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.stores import keys
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.errors import ForeignNode
from gateway.stores.index_lease import IndexLeaseStore
from gateway.stores.node_claim import node_name
from gateway.stores.redis_client import RedisClient
from gateway.stores.scripting import TaskScripts

SECOND = "0" * 32


def test_a_node_keeps_its_name(tmp_path: Path) -> None:
    """Made once, however many ask at the same time."""
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(node_name, [tmp_path / "node"] * 8))
    assert len(names) == 1
    assert names == {node_name(tmp_path / "node")}
    assert node_name(tmp_path / "other") not in names


async def test_the_first_one_has_it(redis_server: EmbeddedRedis, link: RedisClient) -> None:
    """Another one's connection is not used, for reading neither."""
    first = RedisClient(redis_server.url, node="first")
    second = RedisClient(redis_server.url, node=SECOND)
    try:
        assert await first.call("SET", keys.PROBE.key("x"), "1", "PX", 10_000) == b"OK"
        assert await link.call("GET", keys.NODE.key()) == b"first"
        for _ in range(2):
            with pytest.raises(ForeignNode, match="another node"):
                await second.call("GET", keys.PROBE.key("x"))
        with pytest.raises(ForeignNode):
            await IndexLeaseStore(second).rebuild(2)
        assert await first.call("GET", keys.PROBE.key("x")) == b"1"
    finally:
        await first.close()
        await second.close()


async def test_an_emptied_redis_that_another_has_taken_is_noticed(
    redis_server: EmbeddedRedis, link: RedisClient
) -> None:
    """At the next sign of life of the runner, over the connection that stands."""
    first = RedisClient(redis_server.url, node="first")
    second = RedisClient(redis_server.url, node=SECOND)
    lease = IndexLeaseStore(first)
    try:
        await lease.rebuild(1)
        await lease.ready(1)
        await link.call("FLUSHALL")
        await second.call("PING")
        with pytest.raises(ForeignNode):
            await lease.beat(1)
        assert await link.call("GET", keys.NODE.key()) == SECOND.encode()
    finally:
        await first.close()
        await second.close()


async def test_a_full_redis_is_still_used(
    redis_server: EmbeddedRedis, link: RedisClient, operator: RedisClient
) -> None:
    """Where nobody's name can be left at the moment, nobody is refused."""
    await operator.call("CONFIG", "SET", "maxmemory", "1")
    client = RedisClient(redis_server.url, node="first")
    try:
        assert await client.call("GET", keys.PROBE.key("x")) is None
        await operator.call("CONFIG", "SET", "maxmemory", "0")
        await client.claim()
        assert await link.call("GET", keys.NODE.key()) == b"first"
    finally:
        await operator.call("CONFIG", "SET", "maxmemory", "0")
        await client.close()


async def test_a_key_of_a_foreign_type_is_mended(
    redis_server: EmbeddedRedis, link: RedisClient
) -> None:
    """As any key of ours is that somebody spoiled."""
    await link.call("SADD", keys.NODE.key(), "x")
    client = RedisClient(redis_server.url, node="first")
    try:
        assert await client.call("PING") == b"PONG"
        await TaskScripts(client).mend()
        await client.claim()
        assert await link.call("GET", keys.NODE.key()) == b"first"
    finally:
        await client.close()
