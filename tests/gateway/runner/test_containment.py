"""Engines that misbehave: what they do stays with the run that asked for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest

from engines.contract import Capabilities, Engine, EngineError, Health, Launch, RunSpec
from engines.shell import ShellEngine
from gateway.data_paths import DataPaths
from gateway.runner.main import composed
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.redis_client import RedisClient
from protocol.tasks import Reason, TaskState
from tests.gateway.runner.rig import Client, settings


class Odd:
    """An engine whose ``prepare`` does what a test wants."""

    def __init__(self, name: str, act: Callable[[RunSpec], object]) -> None:
        self.name = name
        self._act = act

    @property
    def capabilities(self) -> Capabilities:
        """One language."""
        return Capabilities(frozenset({"odd"}))

    def probe(self) -> Health:
        """Always well."""
        return Health(available=True, detail="odd")

    def prepare(self, spec: RunSpec) -> Launch:
        """Does it."""
        return cast("Launch", self._act(spec))


def launched(*argv: object) -> Callable[[RunSpec], object]:
    """An act that names this program."""
    return lambda spec: Launch(cast("tuple[str, ...]", argv), spec.environment, spec.work)


def raising(error: BaseException) -> Callable[[RunSpec], object]:
    """An act that raises."""

    def act(_: RunSpec) -> object:
        raise error

    return act


NEVER = threading.Event()
ACTS: dict[str, Callable[[RunSpec], object]] = {
    "refuses": raising(EngineError("no such kernel")),
    "raises": raising(ValueError("inside")),
    "exits": raising(SystemExit(1)),
    "interrupts": raising(KeyboardInterrupt()),
    "stops": raising(StopIteration()),
    "garbage": lambda _: {"argv": ["true"]},
    "nothing": lambda _: None,
    "empty": launched(),
    "numbers": launched("sleep", 1),
    "nul": launched("echo", "a\0b"),
    "blocks": lambda _: NEVER.wait(60),
}


@pytest.fixture
async def client(
    link: RedisClient, redis_server: EmbeddedRedis, paths: DataPaths
) -> AsyncIterator[Client]:
    """A client of a runner, in this process, with strange engines."""
    engines: dict[str, Engine] = {name: Odd(name, act) for name, act in ACTS.items()}
    engines["shell"] = ShellEngine({})
    stopping = asyncio.Event()
    config = settings(redis__url=redis_server.url)
    async with (
        composed(config, paths, engines, 0.5) as runner_process,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(runner_process.run(stopping))
        yield Client(link, paths)
        stopping.set()


async def test_a_misbehaving_engine_fails_its_task_only(client: Client) -> None:
    """Whatever an engine does, its task ends with a reason and others go on."""
    specs = {name: await client.submit("x", engine=name, owner=name) for name in ACTS}
    fine = await client.submit("echo fine")
    assert (await client.ended(fine.task_id)).state is TaskState.SUCCEEDED
    for name, spec in specs.items():
        task = await client.ended(spec.task_id)
        assert task.state is TaskState.FAILED, name
        assert task.outcome is not None
        assert task.outcome.reason is Reason.ENGINE_ERROR, name
        assert name in task.outcome.message or name == "refuses"
        assert task.log_complete
    NEVER.set()
