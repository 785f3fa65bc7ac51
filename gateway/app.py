"""Composition root of one gateway process: builds everything, serves, and takes it down again.

Started by the supervisor with a listening socket as an inherited descriptor. Stateless: what must
outlive this process is in the spool, in Redis or in the accounts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway import clock
from gateway.auth.identify import Identify
from gateway.auth.login_key import load_login_key
from gateway.auth.origins import Origins
from gateway.auth.throttle import Throttle
from gateway.auth.tokens import SigningKeyError, Tokens, load_key
from gateway.config import Config, ConfigError, load
from gateway.dispatch import Dispatch
from gateway.feed import Feed
from gateway.garbage import settle
from gateway.ids import new_request_id
from gateway.journal import journal, set_up
from gateway.metrics import Metrics
from gateway.places import PlaceError, Places
from gateway.plugins import load_dialects, load_engines
from gateway.services.accounts import Sessions
from gateway.services.bell import RunnerBell
from gateway.services.files import FileService
from gateway.services.history import History
from gateway.services.kills import Kills
from gateway.services.logs import Logs
from gateway.services.objects import ObjectService
from gateway.services.results import ResultService
from gateway.services.sessions import EngineSessions
from gateway.services.tasks import Tasks
from gateway.services.variables import VariableService
from gateway.stores.accounts import Accounts
from gateway.stores.delivery import DeliveryStore
from gateway.stores.folders import FolderLimits, Folders
from gateway.stores.kills import KillFiles
from gateway.stores.link import Link
from gateway.stores.logs import LogStore
from gateway.stores.objects import ObjectLimits, Objects
from gateway.stores.partials import PartialStore
from gateway.stores.queue import TaskQueue
from gateway.stores.results import ResultStore
from gateway.stores.revocations import Revocations
from gateway.stores.sessions import SessionStore
from gateway.stores.spool import Spool
from gateway.stores.tasks import TaskStore
from gateway.stores.variables import Variables
from gateway.transport.health import Health
from gateway.transport.http import HttpHandler
from gateway.transport.server import Server
from gateway.transport.switchboard import Switchboard
from gateway.transport.tails import Sources

__all__ = ["main", "serving"]

_log = journal("gateway.app")


@dataclass(frozen=True, slots=True)
class _Stores:
    link: Link
    tasks: TaskStore
    queue: TaskQueue
    logs: LogStore
    delivery: DeliveryStore
    partials: PartialStore
    spool: Spool
    objects: Objects
    results: ResultStore
    accounts: Accounts
    revocations: Revocations


@contextlib.asynccontextmanager
async def serving(config: Config, places: Places, listener: socket.socket) -> AsyncIterator[None]:
    """A gateway on a listening socket for the length of the block."""
    async with _stores(config, places) as stores, asyncio.TaskGroup() as background:
        feed = Feed(stores.link)
        listening = background.create_task(feed.run())
        bell = RunnerBell(places.runner_socket)
        address = _address(config, listener)
        try:
            async with asyncio.TaskGroup() as unfinished:
                server = _assembled(config, places, address, stores, feed, bell, unfinished)
                async with server.serving(listener):
                    yield
        finally:
            bell.close()
            listening.cancel()


@contextlib.asynccontextmanager
async def _stores(config: Config, places: Places) -> AsyncIterator[_Stores]:
    link = Link(
        config.redis.url or f"unix://{places.redis_socket}",
        timeout=config.redis.timeout_seconds,
        calls=config.redis.calls,
    )
    spool = Spool(places.spool)
    results = ResultStore(spool.find)
    try:
        yield _Stores(
            link,
            TaskStore(link, tombstone_seconds=config.retention.tombstone_seconds),
            TaskQueue(link, weights=config.runner.weights),
            LogStore(link, hot_bytes=config.retention.hot_bytes),
            DeliveryStore(link),
            PartialStore(link),
            spool,
            Objects(places.objects, _object_limits(config)),
            results,
            Accounts(places.accounts),
            Revocations(places.revoked),
        )
    finally:
        results.close()
        spool.close()
        await link.close()


def _object_limits(config: Config) -> ObjectLimits:
    return ObjectLimits(
        max_bytes=config.limits.upload_bytes,
        quota_bytes=config.objects.quota_bytes,
        max_parts=config.objects.parts,
    )


def _assembled(
    config: Config,
    places: Places,
    address: str,
    stores: _Stores,
    feed: Feed,
    bell: RunnerBell,
    unfinished: asyncio.TaskGroup,
) -> Server:
    metrics = Metrics()
    tokens = Tokens(load_key(places.token_key), config.auth.max_token_seconds)
    identify = Identify(tokens, stores.accounts, stores.revocations, clock.now_ms)
    engines = {name: engine.capabilities for name, engine in load_engines(config).items()}
    data = ObjectService(
        stores.objects, stores.tasks, stores.spool, answer_bytes=config.objects.answer_bytes
    )
    tasks = Tasks(config, engines, stores.tasks, stores.spool, bell, data, unfinished)
    logs = Logs(config.limits, stores.tasks, stores.logs, stores.spool, feed)
    key = load_login_key(places.login_key) if config.auth.encrypt_logins else None
    kept = config.files
    limits = FolderLimits(kept.quota_bytes, kept.file_bytes, kept.entries)
    files = FileService(Folders(places.files, limits), kept.read_bytes)
    variables = VariableService(Variables(places.variables))
    store = SessionStore(places.spool, places.sessions)
    warm = EngineSessions(store, config.runner.grace_seconds)
    results = ResultService(config.results, stores.results, logs)
    kills = Kills(config.limits, tasks, KillFiles(stores.spool.find), feed)
    sessions = Sessions(tokens, stores.accounts, stores.revocations, config.auth.token_seconds, key)
    throttle = Throttle(config.auth.login_window_seconds)
    history = History(config, stores.tasks, stores.queue, stores.spool)
    dispatch = Dispatch(
        {**results.verbs, **kills.verbs},
        {**files.verbs, **warm.verbs, **variables.verbs},
        tasks,
        logs,
        sessions,
        data,
        throttle,
        config.auth.login_attempts,
        metrics,
        history,
    )
    sources = Sources(
        dispatch, tasks, logs, stores.queue, feed, stores.delivery, stores.partials, metrics
    )
    switchboard = Switchboard(load_dialects(config, address))
    origins = Origins(config.server)
    health = Health(_Readiness(stores), metrics)
    handler = HttpHandler(config, switchboard, dispatch, identify, origins, health, metrics)
    return Server(config, handler, switchboard, sources, identify, origins, metrics)


def _address(config: Config, listener: socket.socket) -> str:
    """Where clients find this gateway, as ``host:port``."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = (*config.server.allowed_hosts, "localhost")[0]
    return f"[{host}]:{port}" if ":" in host and host[0] != "[" else f"{host}:{port}"


class _Readiness:
    """Whether tasks can be accepted: store and disk take them, a runner vouches for the index."""

    def __init__(self, stores: _Stores) -> None:
        self._stores = stores
        self._process = new_request_id()

    async def __call__(self) -> None:
        await self._stores.link.check(self._process)
        await self._stores.tasks.vouched()
        await self._stores.spool.check()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one gateway process until SIGTERM; its exit status."""
    options = _options(arguments)
    places = Places.of(options.data_dir)
    status = 0
    try:
        config = load(options.config)
        set_up(config.log, "gateway")
        with socket.socket(fileno=options.fd) as listener:
            listener.setblocking(False)  # noqa: FBT003 - the library's signature
            asyncio.run(_until_told(config, places, listener))
    except* (ConfigError, PlaceError, SigningKeyError) as refused:
        for error in refused.exceptions:
            sys.stderr.write(f"narthex gateway: {error}\n")
        status = 2
    return status


async def _until_told(config: Config, places: Places, listener: socket.socket) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with serving(config, places, listener):
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        settle()
        _log.info("serving")
        await told.wait()
        _log.info("stopping")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gateway.app")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--fd", type=int, required=True)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
