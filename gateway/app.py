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
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway import clock
from gateway.api_documents.documents import ApiDocuments
from gateway.auth.form_tokens import FormTokens
from gateway.auth.identify import Identify
from gateway.auth.login_key import load_login_key
from gateway.auth.origins import Origins
from gateway.auth.passwords import KnownPasswords
from gateway.auth.proxies import Proxies
from gateway.auth.throttle import Throttle
from gateway.auth.tokens import SigningKeyError, Tokens, load_key
from gateway.config import Config, ConfigError, load
from gateway.config.certificate import Certificate, load_certificate
from gateway.data_paths import DataPathError, DataPaths
from gateway.dispatch import Dispatch
from gateway.feed import Feed
from gateway.garbage import freeze_gc
from gateway.ids import new_request_id
from gateway.journal import journal, set_up
from gateway.memory import MemoryKeeper, use_few_arenas
from gateway.metrics import Metrics
from gateway.plugins import Mount, load_dialects, load_engines, load_services
from gateway.services.catalog import commands_of, join
from gateway.services.elsewhere import Elsewhere
from gateway.services.heavy_work import SWITCH_SECONDS, HeavyWork
from gateway.services.node_accounts import AccountFetcher, AccountSource
from gateway.services.notifier import RunnerNotifier
from gateway.services.parts import Credentials, Parts
from gateway.services.peer_seal import PeerSeal
from gateway.services.peers import Peers
from gateway.services.queue_figures import QueueFigures
from gateway.services.service import Verb
from gateway.stores.opened import Stores, opened
from gateway.tracing.tracer import Tracer, closed, tracer_of
from gateway.transport.authenticate import Authenticate
from gateway.transport.connections import Connections, most_connections
from gateway.transport.health import Health
from gateway.transport.http import HttpHandler
from gateway.transport.peer_door import PeerDoor
from gateway.transport.server import Server
from gateway.transport.switchboard import Switchboard
from gateway.transport.usage import Usage
from protocol.command import Command

__all__ = ["composed", "main", "serving"]

_journal = journal("gateway.app")


@contextlib.asynccontextmanager
async def serving(
    config: Config,
    paths: DataPaths,
    listener: socket.socket,
    certificate: Certificate | None = None,
) -> AsyncIterator[None]:
    """A gateway on a listening socket for the length of the block; in clear without certificate."""
    tracer = tracer_of(config.tracing, "gateway", paths.data)
    heavy = HeavyWork(config.limits.heavy_per_user)
    async with (
        closed(tracer),
        contextlib.aclosing(heavy),
        opened(config, paths) as stores,
        asyncio.TaskGroup() as background,
    ):
        feed = Feed(stores.redis)
        listening = background.create_task(feed.run())
        fetcher = _fetcher(config, paths, stores)
        fetching = background.create_task(fetcher.run()) if fetcher is not None else None
        notifier = RunnerNotifier(paths.runner_socket)
        address = _address(config, listener)
        try:
            async with asyncio.TaskGroup() as unfinished:
                server = _assembled(
                    config,
                    paths,
                    address,
                    stores,
                    feed,
                    notifier,
                    unfinished,
                    heavy,
                    tracer,
                    certificate,
                )
                keeper = MemoryKeeper(expected=server.socket_bytes)
                keeping = background.create_task(keeper.run())
                try:
                    async with server.serving(listener):
                        yield
                finally:
                    keeping.cancel()
        finally:
            notifier.close()
            listening.cancel()
            if fetching is not None:
                fetching.cancel()


def _assembled(  # noqa: PLR0913, PLR0917 - one for each part
    config: Config,
    paths: DataPaths,
    address: str,
    stores: Stores,
    feed: Feed,
    notifier: RunnerNotifier,
    unfinished: asyncio.TaskGroup,
    heavy: HeavyWork,
    tracer: Tracer | None,
    certificate: Certificate | None,
) -> Server:
    metrics = Metrics()
    key = load_key(paths.token_key)
    tokens = Tokens(key, config.auth.max_token_seconds)
    peers = _peers(config, stores, tokens)
    identify = Identify(tokens, stores.directory, stores.revocations, stores.tokens, clock.now_ms)
    parts = Parts(
        config=config,
        paths=paths,
        stores=stores,
        feed=feed,
        notifier=notifier,
        engines={name: engine.capabilities for name, engine in load_engines(config).items()},
        credentials=_credentials(config, paths, tokens),
        metrics=metrics,
        unfinished=unfinished,
        heavy=heavy,
        tracer=tracer,
        peers=peers,
    )
    mounts = load_dialects(config, address)
    dispatch = composed(parts, mounts)
    switchboard = Switchboard(mounts)
    origins = Origins(config.server)
    health = Health(_Readiness(stores), metrics, QueueFigures(stores.queue, metrics))
    proxies = Proxies(config.server.trusted_proxies)
    most = most_connections(config.server.connections)
    connections = Connections(most, min(most, config.server.connections_per_address), proxies)
    usage = Usage(config.limits, most * 3 // 4)
    passwords = KnownPasswords(stores.directory, clock.now_ms, clock.monotonic)
    authenticate = Authenticate(identify, passwords, dispatch, origins)
    handler = HttpHandler(
        config,
        switchboard,
        dispatch,
        authenticate,
        origins,
        health,
        metrics,
        usage,
        heavy,
        FormTokens(key),
        ApiDocuments(mounts, address),
        _door(config, parts, mounts, usage),
    )
    return Server(
        config,
        handler,
        switchboard,
        dispatch,
        identify,
        origins,
        metrics,
        usage,
        heavy,
        proxies,
        connections,
        certificate,
    )


def composed(parts: Parts, mounts: Sequence[Mount]) -> Dispatch:
    """What carries commands out: every service that is enabled, built and joined.

    Raises:
        ConfigError: a command of the product, or of a package that brings a dialect or a service,
            is carried out by two services or by none.
    """
    table = _table(parts, mounts)
    if parts.peers is not None:
        table = Elsewhere.of(parts, parts.peers).rows(table)
    dispatch = Dispatch(table, parts.metrics, parts.heavy)
    parts.connect(dispatch)
    return dispatch


def _table(parts: Parts, mounts: Sequence[Mount]) -> Mapping[type[Command[Any]], Verb[Any, Any]]:
    kinds = load_services(parts.config)
    brought = (*kinds, *(type(mount.dialect) for mount in mounts))
    wanted = commands_of(kind.__module__.partition(".")[0] for kind in brought)
    return join(map(parts.get, kinds), wanted)


def _peers(config: Config, stores: Stores, tokens: Tokens) -> Peers | None:
    """The other nodes, None for one that is alone."""
    if not config.node.name:
        return None
    node = config.node
    return Peers(PeerSeal(node.name, tokens, stores.redis), node.seconds, node.authority)


def _fetcher(config: Config, paths: DataPaths, stores: Stores) -> AccountFetcher | None:
    """What fetches the accounts of the other nodes; None for one that is alone."""
    if not config.node.name:
        return None
    tokens = Tokens(load_key(paths.token_key), config.auth.max_token_seconds)
    peers = _peers(config, stores, tokens)
    return AccountFetcher(config.node, paths, stores.revocations, peers) if peers else None


def _door(config: Config, parts: Parts, mounts: Sequence[Mount], usage: Usage) -> PeerDoor | None:
    """Where other nodes ask for what is this one's own; None for one that is alone."""
    if parts.peers is None:
        return None
    return PeerDoor(
        parts.peers.seal,
        Dispatch(_table(parts, mounts), parts.metrics, parts.heavy),
        AccountSource(parts.paths.directory, parts.stores.revocations),
        usage,
        # A body, and what a dialect made of it.
        max_bytes=2 * config.limits.body_bytes + 65_536,
        seconds=config.server.header_seconds,
    )


def _credentials(config: Config, paths: DataPaths, tokens: Tokens) -> Credentials:
    key = load_login_key(paths.login_key) if config.auth.encrypt_logins else None
    return Credentials(tokens, Throttle(config.auth.login_window_seconds), key)


def _address(config: Config, listener: socket.socket) -> str:
    """Where clients find this gateway, as ``host:port``."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        host = (*config.server.allowed_hosts, "localhost")[0]
    return f"[{host}]:{port}" if ":" in host and host[0] != "[" else f"{host}:{port}"


class _Readiness:
    """Whether tasks can be accepted: store and disk take them, the lease of the index is held."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._process = new_request_id()

    async def __call__(self) -> None:
        await self._stores.redis.check(self._process)
        await self._stores.lease.require()
        await self._stores.spool.check()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one gateway process until SIGTERM; its exit status."""
    options = _options(arguments)
    paths = DataPaths.of(options.data_dir)
    status = 0
    use_few_arenas()
    try:
        config = load(options.config)
        set_up(config.log, "gateway")
        with socket.socket(fileno=options.fd) as listener:
            listener.setblocking(False)  # noqa: FBT003 - the library's signature
            asyncio.run(_wait_for_shutdown(config, paths, listener))
    except* (ConfigError, DataPathError, SigningKeyError) as refused:
        for error in _leaves(refused):
            sys.stderr.write(f"narthex gateway: {error}\n")
        status = 2
    return status


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """The errors themselves, however many task groups they went through."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


async def _wait_for_shutdown(config: Config, paths: DataPaths, listener: socket.socket) -> None:
    reported = asyncio.Event()
    loop = asyncio.get_running_loop()
    certificate = load_certificate(config.server)
    if certificate is not None:
        loop.add_signal_handler(signal.SIGHUP, _read_again, certificate)
    async with serving(config, paths, listener, certificate):
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, reported.set)
        sys.setswitchinterval(SWITCH_SECONDS)
        freeze_gc()
        _journal.info("serving")
        await reported.wait()
        _journal.info("stopping")


def _read_again(certificate: Certificate) -> None:
    """Takes the certificate that is there now for the connections that come from now on."""
    try:
        certificate.reload()
    except ConfigError as error:
        _journal.error("the certificate was not read again", reason=str(error))
        return
    _journal.info("the certificate was read again")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gateway.app")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--fd", type=int, required=True)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
