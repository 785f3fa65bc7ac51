"""What the tests of the runner share: folders, a runner on them, and somebody who speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.data_paths import DataPaths
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.redis_client import RedisClient
from tests.gateway.runner.rig import Client, Runner, running


@pytest.fixture
def paths(redis_folder: Path, monkeypatch: pytest.MonkeyPatch) -> DataPaths:
    """A data folder and a runtime folder of a test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(redis_folder))
    made = DataPaths.of(redis_folder / "data")
    made.prepare()
    return made


@pytest.fixture
def client(link: RedisClient, paths: DataPaths) -> Client:
    """Speaks to the runner as a gateway process does."""
    return Client(link, paths)


@pytest.fixture
async def runner(paths: DataPaths, redis_server: EmbeddedRedis) -> AsyncIterator[Runner]:
    """A runner with small limits."""
    async with running(
        paths,
        redis_server.url,
        NARTHEX_RUNNER_RUNNING_TOTAL="4",
        NARTHEX_RUNNER_RUNNING_PER_USER="3",
    ) as made:
        yield made
