"""Several nodes on one Redis: who is let in, what is each one's own, and what all of them see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway.stores import keys
from gateway.stores.abandoned import abandon
from gateway.stores.bulk_restore import BulkRestore
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.errors import ForeignNode
from gateway.stores.index_lease import IndexLeaseStore, IndexStatus
from gateway.stores.node_registry import SEVERAL, NodeMembership, NodeRegistry, key_digest
from gateway.stores.queue import TaskQueue
from gateway.stores.redis_client import RedisClient
from gateway.stores.replies import items, text
from gateway.stores.scripting import TaskScripts
from gateway.stores.tasks import QueueLimits, TaskStore
from protocol.errors import Kind
from protocol.tasks import ById, ByNumber, TaskState
from tests.gateway.stores.conftest import EPOCH
from tests.support.refusals import refused_as
from tests.support.specs import NOW_MS, make_spec

KEY = "5" * 64
_NONE = QueueLimits()


def member(name: str, node_id: str = "", key: str = KEY) -> NodeMembership:
    """A node as it comes to a Redis."""
    return NodeMembership(name, node_id or f"id-of-{name}", f"http://{name}:1", key)


@asynccontextmanager
async def two(server: EmbeddedRedis) -> AsyncIterator[tuple[RedisClient, RedisClient]]:
    """The ways of nodes a and b to one server, on which the runners of both work."""
    async with AsyncExitStack() as stack:
        found = []
        for name in ("a", "b"):
            way = RedisClient(server.url, member=member(name))
            stack.push_async_callback(way.close)
            lease = IndexLeaseStore(way)
            await lease.rebuild(EPOCH)
            await lease.ready(EPOCH)
            found.append(way)
        yield found[0], found[1]


async def refusal_of(server: EmbeddedRedis, one: NodeMembership) -> str:
    """Why a node is not let in."""
    way = RedisClient(server.url, member=one)
    try:
        with pytest.raises(ForeignNode) as caught:
            await way.call("PING")
    finally:
        await way.close()
    return caught.value.message


async def test_nodes_of_one_key_join_and_others_do_not(
    redis_server: EmbeddedRedis, link: RedisClient
) -> None:
    """Each is refused with a sentence that says what to do."""
    async with two(redis_server):
        known = await NodeRegistry(link).nodes()
        assert [(one.name, one.id, one.address, one.works) for one in known] == [
            ("a", "id-of-a", "http://a:1", True),
            ("b", "id-of-b", "http://b:1", True),
        ]
        assert all(one.seen_ms >= one.since_ms > 0 for one in known)
        assert "signing key" in await refusal_of(redis_server, member("c", key="6" * 64))
        assert "another name" in await refusal_of(redis_server, member("a", "id-of-c"))
        assert "another name" in await refusal_of(redis_server, member("c", "id-of-a"))
        alone = RedisClient(redis_server.url, node="id-of-d")
        with pytest.raises(ForeignNode, match="settings \\[node\\]"):
            await alone.call("PING")
        await alone.close()


async def test_a_node_that_moves_is_known_at_its_new_address(
    redis_server: EmbeddedRedis, link: RedisClient
) -> None:
    """The time at which it first came stays."""
    async with two(redis_server):
        before = (await NodeRegistry(link).nodes())[0]
        moved = NodeMembership("a", "id-of-a", "http://elsewhere:2", KEY)
        way = RedisClient(redis_server.url, member=moved)
        await way.call("PING")
        await way.close()
        after = (await NodeRegistry(link).nodes())[0]
        assert (after.address, after.since_ms) == ("http://elsewhere:2", before.since_ms)


async def test_a_redis_of_one_node_is_opened_by_that_node_alone(
    redis_server: EmbeddedRedis, link: RedisClient
) -> None:
    """What it had for itself goes, its tasks stay, and are missing until it says them anew."""
    alone = RedisClient(redis_server.url, node="id-of-a")
    lease, tasks = IndexLeaseStore(alone), TaskStore(alone)
    await lease.rebuild(EPOCH)
    await lease.ready(EPOCH)
    spec = make_spec("zoe", await tasks.reserve("zoe", _NONE))
    await tasks.index(spec)
    await alone.close()

    assert "works alone" in await refusal_of(redis_server, member("b"))
    way = RedisClient(redis_server.url, member=member("a"))
    try:
        await way.call("PING")
        left = {text(key) for key in items(await link.call("KEYS", keys.ALL))}
        shared = {keys.NODE, keys.NODES, keys.NODE_KEY, keys.NUMBER, keys.TASKS}
        assert left == {
            *(one.key() for one in shared),
            keys.TASK.key(spec.task_id),
            keys.NUMBERED.key(str(spec.number)),
            keys.OWNED.key("zoe"),
        }
        assert text(await link.call("GET", keys.NODE.key())) == SEVERAL
        assert await BulkRestore(way).absent([spec.task_id], ended=False) == [spec.task_id]
        await TaskStore(way).restore(spec, EPOCH, TaskState.QUEUED, requeue=True)
        assert await BulkRestore(way).absent([spec.task_id], ended=False) == []
        assert (await TaskStore(way).read(ById(spec.task_id))).node == "a"
        assert (await TaskQueue(way).counts("zoe")).waiting == 1
    finally:
        await way.close()


async def test_each_node_has_its_own_queue_and_all_see_all_tasks(
    redis_server: EmbeddedRedis, link: RedisClient
) -> None:
    """One count of numbers, one list of tasks; no runner is given another one's task."""
    async with two(redis_server) as ways:
        specs = []
        for way in ways:
            tasks = TaskStore(way)
            spec = make_spec("ann", await tasks.reserve("ann", _NONE), name=f"of-{way.space}")
            await tasks.index(spec)
            specs.append(spec)
        assert [spec.number for spec in specs] == [1, 2]
        for at, way in enumerate(ways):
            tasks, queue = TaskStore(way), TaskQueue(way)
            assert [head.tasks for head in await queue.heads(9, 9)] == [(specs[at].task_id,)]
            assert not await queue.take(specs[1 - at].task_id, "ann", 1.0, epoch=EPOCH)
            read = await tasks.read(ByNumber(specs[1 - at].number))
            assert (read.node, read.unreachable_since_ms) == ("ba"[at], 0)
            assert len(await tasks.list("ann")) == 2
            assert await queue.ahead(read.id, read.node) == 0
        # A runner that was replaced is fenced at its own node, and only there.
        await IndexLeaseStore(ways[0]).rebuild(EPOCH + 5)
        assert await IndexLeaseStore(ways[1]).beat(EPOCH)
        a_name = keys.EPOCH.key(node="a")
        assert int(text(await link.call("GET", a_name))) == EPOCH + 5


async def test_a_task_is_denied_only_if_every_node_vouches(
    redis_server: EmbeddedRedis, link: RedisClient
) -> None:
    """Nor is one whose number another node has given out and not yet indexed."""
    async with two(redis_server) as (way_a, way_b):
        tasks = TaskStore(way_b)
        assert await refused_as(tasks.read(ByNumber(99))) is Kind.NOT_FOUND
        number = await TaskStore(way_a).reserve("ann", _NONE)
        assert await refused_as(tasks.read(ByNumber(number))) is Kind.UNAVAILABLE
        await IndexLeaseStore(way_a).beat(EPOCH, word=IndexStatus.PARTIAL)
        assert await refused_as(tasks.read(ByNumber(99))) is Kind.UNAVAILABLE
        await link.call("DEL", keys.READY.key(node="a"))
        assert await refused_as(tasks.read(ByNumber(99))) is Kind.UNAVAILABLE
        assert await tasks.reserve("ann", _NONE)  # what this node takes is its own affair


async def test_a_silent_node_is_told_of_and_its_tasks_are_lost_once_it_is_forgotten(
    redis_server: EmbeddedRedis, link: RedisClient
) -> None:
    """Not before, and not while it gives signs of life; afterwards it is refused for ever."""
    async with two(redis_server) as (way_a, way_b):
        tasks = TaskStore(way_a)
        specs = [make_spec("ann", await tasks.reserve("ann", _NONE)) for _ in range(3)]
        for spec in specs:
            await tasks.index(spec)
        await tasks.advance(specs[1].task_id, EPOCH, TaskState.RUNNING, NOW_MS)
        await tasks.advance(specs[2].task_id, EPOCH, TaskState.RUNNING, NOW_MS)
        await tasks.advance(specs[2].task_id, EPOCH, TaskState.SUCCEEDED, NOW_MS)
        registry = NodeRegistry(link)
        assert not await registry.send_away("a")
        await link.call("DEL", keys.READY.key(node="a"))
        seen = (await registry.nodes())[0].seen_ms
        there = await TaskStore(way_b).read(ById(specs[1].task_id))
        assert (there.state, there.unreachable_since_ms) == (TaskState.RUNNING, seen)
        assert "node a is unreachable since 20" in there.waiting_reason
        ended = await TaskStore(way_b).read(ById(specs[2].task_id))
        assert ended.unreachable_since_ms == 0

        assert await registry.send_away("a")
        assert await registry.forgotten() == {"a"}
        of_a = RedisClient(redis_server.url, space="a")
        assert await abandon(of_a, "a", NOW_MS, "b") == 2
        assert await abandon(of_a, "a", NOW_MS, "b") == 0
        left = await link.call("KEYS", keys.EPOCH.key(node="a").replace("epoch", "*"))
        assert left == [keys.EPOCH.key(node="a").encode()]
        due = await TaskStore(way_b).due(specs[0].expires_ms)
        assert set(due) == {spec.task_id for spec in specs}
        for spec in specs[:2]:
            lost = await TaskStore(way_b).read(ById(spec.task_id))
            assert (lost.state, lost.log_complete, lost.last_line) == (TaskState.LOST, True, 0)
            assert lost.outcome is not None
            assert not lost.outcome.verified
            assert "a was forgotten" in lost.outcome.message
        # Its old runner can write nothing, and nobody with its data folder comes back.
        assert await refused_as(IndexLeaseStore(of_a).beat(EPOCH)) is Kind.CONFLICT
        with pytest.raises(ForeignNode, match="was forgotten"):
            await way_a.claim()
        await of_a.close()
        await link.call("DEL", keys.READY.key(node="b"))
        assert await registry.send_away("b")
        assert await link.call("GET", keys.NODE.key()) is None
    await link.call("DEL", keys.EPOCH.key(node="a"), keys.EPOCH.key(node="b"))


async def test_a_foreign_key_makes_every_node_rebuild(
    redis_server: EmbeddedRedis, link: RedisClient
) -> None:
    """What somebody spoiled may have been any of theirs."""
    async with two(redis_server) as (way_a, _):
        await link.call("SET", keys.TASKS.key(), "x")
        assert await TaskScripts(way_a).mend() == 1
        for name in ("a", "b"):
            assert await link.call("GET", keys.READY.key(node=name)) is None


def test_the_digest_of_keys_tells_them_apart_and_nothing_else(tmp_path: Path) -> None:
    """Equal keys are equal, a missing one is another, and the key itself is not in it."""
    one, same, other = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    for file, key in ((one, b"k" * 32), (same, b"k" * 32), (other, b"j" * 32)):
        file.write_bytes(key)
    assert key_digest(one) == key_digest(same)
    assert len({key_digest(one), key_digest(other), key_digest(tmp_path / "none")}) == 3
    assert key_digest(one, other) != key_digest(other, one)
