"""What the tests of the runner share: folders, and somebody who speaks to a runner on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.data_paths import DataPaths
from gateway.stores.redis_client import RedisClient
from tests.gateway.runner.rig import Client


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
