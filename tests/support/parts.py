"""The parts of a gateway over a real Redis and folders of a test's own, and its services."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from gateway.app import composed
from gateway.auth.throttle import Throttle
from gateway.auth.tokens import Tokens
from gateway.config import load
from gateway.data_paths import DataPaths
from gateway.dispatch import Dispatch
from gateway.feed import Feed
from gateway.metrics import Metrics
from gateway.plugins import load_dialects, load_engines
from gateway.services.heavy_work import HeavyWork
from gateway.services.notifier import RunnerNotifier
from gateway.services.parts import Credentials, Parts
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.opened import opened
from gateway.stores.redis_client import RedisClient

__all__ = ["Core", "core", "open_core"]


@dataclass(frozen=True, slots=True)
class Core:
    """What answers commands, without any transport."""

    parts: Parts
    dispatch: Dispatch


@contextlib.asynccontextmanager
async def open_core(
    folder: Path, redis_url: str, config: Path | None = None
) -> AsyncIterator[Core]:
    """The core of a gateway for the length of the block; no runner takes what is queued."""
    settings = load(config, {}, {"redis.url": redis_url})
    paths = DataPaths(folder / "data", folder)
    paths.prepare()
    async with (
        contextlib.aclosing(HeavyWork(16)) as heavy,
        opened(settings, paths) as stores,
        asyncio.TaskGroup() as unfinished,
    ):
        stores.spool.prepare()
        with contextlib.closing(RunnerNotifier(paths.runner_socket)) as notifier:
            parts = Parts(
                config=settings,
                paths=paths,
                stores=stores,
                feed=Feed(stores.redis),
                notifier=notifier,
                engines={name: one.capabilities for name, one in load_engines(settings).items()},
                credentials=Credentials(
                    Tokens(b"k" * 32, settings.auth.max_token_seconds), Throttle(60.0)
                ),
                metrics=Metrics(),
                unfinished=unfinished,
                heavy=heavy,
            )
            yield Core(parts, composed(parts, load_dialects(settings)))


@pytest_asyncio.fixture
async def core(
    redis_folder: Path, redis_server: EmbeddedRedis, link: RedisClient
) -> AsyncIterator[Core]:
    """The core of a gateway as it is shipped."""
    del link  # the server is emptied before and looked through afterwards
    async with open_core(redis_folder, redis_server.url) as found:
        yield found
