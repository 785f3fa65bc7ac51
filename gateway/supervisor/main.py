"""``narthex serve``: the data folder, the private Redis, the runner and the gateway processes.

This process does no work of its own, so that there is nothing in it to go wrong: it starts the
parts, replaces what dies, and ends them in order. The runs outlive all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import orjson

from gateway.auth.tokens import SigningKeyError
from gateway.backoff import Backoff
from gateway.config import Config, ConfigError, load, loopback, wants_sandbox
from gateway.config.certificate import check_authority, load_certificate
from gateway.config.isolation import check_shim, is_sandboxed
from gateway.data_paths import DataPathError, DataPaths
from gateway.journal import journal, set_up
from gateway.plugins import load_dialects, load_engines, named_services
from gateway.stores.atomic_file import replace, try_lock
from gateway.stores.embedded import EmbeddedRedis
from gateway.stores.redis_programs import find_server
from gateway.supervisor.first_start import prepare
from gateway.supervisor.listener import handed_on, inherited, listen, url_of
from gateway.supervisor.parts import Process, keep
from gateway.supervisor.probe import ready
from protocol.errors import GatewayError

__all__ = ["NotServed", "serve"]

_REFUSED = 2
_TAKEN = 1
_STOP_SECONDS = 3.0
_POLL_SECONDS = 0.03
_REDIS_BACKOFF_SECONDS = 0.1, 5.0
_FIRST_COMPLAINT_SECONDS, _COMPLAIN_SECONDS = 3.0, 15.0
_OLD_PORT_SECONDS = 12.0
_RESTART = signal.SIGUSR2
_journal = journal("gateway.supervisor")


class NotServed(Exception):  # noqa: N818 - the end of a start
    """Nothing is served: why, in one line if there is more to say, and the exit status."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


def serve(
    paths: DataPaths,
    file: Path | None,
    overrides: Mapping[str, object],
    tell: Callable[[str, Path | None], None],
) -> None:
    """Serves until SIGTERM or SIGINT.

    ``file`` is the configuration, by default the one in the data folder if there is one.
    ``overrides`` are settings from the command line. ``tell`` is told the address when it is ready,
    and where the first password stands if it does. Raises NotServed if a start fails.
    """
    try:
        path = file or (paths.config if paths.config.exists() else None)
        config = load(path, overrides=overrides)
        load_engines(config)
        _check_dialects(config)
        named_services(config)
        is_sandboxed(config)
        check_shim(config)
        load_certificate(config.server)
        check_authority(config.node)
        set_up(config.log, "supervisor")
        gateway = _Gateway(config, paths, path, overrides, tell)
        _begin_anew(asyncio.run(gateway.serve()))
    except (ConfigError, DataPathError, SigningKeyError) as error:
        raise NotServed(_REFUSED, str(error)) from error
    except GatewayError as error:
        raise NotServed(_TAKEN, error.message) from error


def _check_dialects(config: Config) -> None:
    """Raises ConfigError for dialects that cannot be loaded.

    Those that are set as they are shipped are left to the gateway processes: to load them takes
    a third of the work of this one.
    """
    if config.dialects != load(None, {}).dialects:
        load_dialects(config)


def _note_settings(config: Config, path: Path | None) -> None:
    """Leaves a line in the audit trail with what tells these settings from others."""
    # The URL may hold a password, of which not even a digest should be kept.
    said = msgspec.structs.replace(config, redis=msgspec.structs.replace(config.redis, url=""))
    digest = hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:16]
    journal("gateway.audit").info(
        "audit",
        action="configure",
        who=f"owner {os.getuid()}",
        result="done",
        file=str(path or "the shipped defaults"),
        digest=digest,
    )


def _begin_anew(listener: socket.socket | None) -> None:
    """Becomes the same program once more, with the socket in which clients wait meanwhile."""
    if listener is not None:
        handed_on(listener, os.environ)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


@dataclass(frozen=True, slots=True)
class _Gateway:
    config: Config
    paths: DataPaths
    path: Path | None
    overrides: Mapping[str, object]
    tell: Callable[[str, Path | None], None]

    async def serve(self) -> socket.socket | None:
        """Serves until told to stop; the listening socket if that was in order to begin anew."""
        stopping, again = asyncio.Event(), asyncio.Event()
        _heed(stopping)
        asyncio.get_running_loop().add_signal_handler(_RESTART, self._restart, stopping, again)
        self.paths.prepare()
        listener: socket.socket | None = None
        try:
            with _only_one(self.paths):
                listener = await self._listener()
                await prepare(self.paths)
                _raise_file_limit()
                self._warn()
                async with self._parts(listener, stopping):
                    secure = bool(self.config.server.tls_certificate)
                    await self._wait_for_shutdown(url_of(listener, secure=secure), stopping)
            if again.is_set():
                kept, listener = listener, None
                return kept
        finally:
            # Last of all: until now whoever connects waits, and is not refused.
            if listener is not None:
                listener.close()
        return None

    def _restart(self, stopping: asyncio.Event, again: asyncio.Event) -> None:
        """Stops in order to begin anew, unless the settings as they are now could not be served."""
        try:
            config = load(self.path, overrides=self.overrides)
            load_engines(config)
            load_dialects(config)
            is_sandboxed(config)
            check_shim(config)
            load_certificate(config.server)
            check_authority(config.node)
        except (ConfigError, GatewayError) as error:
            _journal.error("no restart: the configuration is at fault", reason=str(error))
            return
        again.set()
        stopping.set()

    def _certificate(self) -> str:
        """The file with the certificate of the gateway, empty for none."""
        named = self.config.server.tls_certificate
        return str(Path(named).absolute()) if named else ""

    def _read_again(self, workers: Sequence[Process]) -> None:
        """Has the certificate read again, if there is one that can be used."""
        try:
            if load_certificate(self.config.server) is None:
                return  # a hang-up is no request
        except ConfigError as error:
            _journal.error("the certificate is not read again", reason=str(error))
            return
        for worker in workers:
            worker.signal(signal.SIGHUP)

    async def _listener(self) -> socket.socket:
        """The listening socket. After a crash the old processes may hold the port for a while."""
        server, loop = self.config.server, asyncio.get_running_loop()
        if (kept := inherited(os.environ)) is not None:
            return kept
        old_port_seconds = _OLD_PORT_SECONDS if self.paths.endpoint.exists() else 0.0
        deadline = loop.time() + old_port_seconds
        while True:
            try:
                return listen(server.host, server.port)
            except ConfigError:
                if loop.time() >= deadline:
                    raise
            await asyncio.sleep(_POLL_SECONDS)

    @contextlib.asynccontextmanager
    async def _parts(self, listener: socket.socket, stopping: asyncio.Event) -> AsyncIterator[None]:
        refused: list[int] = []

        def failed(status: int) -> bool:
            """A process that refuses its configuration will do so again."""
            if status != _REFUSED:
                return True
            refused.append(status)
            stopping.set()
            return False

        redis = None if self.config.redis.url else self._redis()
        runner = Process("gateway.runner", self._words(), self._environ(listener))
        workers = [
            Process(
                "gateway.app",
                [*self._words(), "--fd", str(listener.fileno())],
                self._environ(listener),
                [listener.fileno()],
            )
            for _ in range(self.config.server.workers)
        ]
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._read_again, workers)
        async with contextlib.AsyncExitStack() as stack:
            if redis is not None:
                await redis.start()
                stack.push_async_callback(redis.stop, _STOP_SECONDS)
            stack.push_async_callback(runner.stop, _STOP_SECONDS)
            stack.push_async_callback(_stop_all, workers, self.config.server.shutdown_seconds + 1.0)
            async with asyncio.TaskGroup() as group:
                kept = [group.create_task(keep("runner", runner, failed))]
                kept += [group.create_task(keep("gateway", worker, failed)) for worker in workers]
                if redis is not None:
                    kept.append(group.create_task(_keep_redis(redis)))
                try:
                    yield
                finally:
                    for task in kept:
                        task.cancel()
        if refused:
            raise NotServed(_REFUSED)

    def _redis(self) -> EmbeddedRedis:
        settings = self.config.redis
        return EmbeddedRedis(
            self.paths.redis,
            self.paths.redis_socket,
            max_bytes=settings.memory_bytes,
            program=find_server(settings.server) if settings.server else None,
        )

    def _words(self) -> list[str]:
        words = ["--data-dir", str(self.paths.data)]
        return [*words, "--config", str(self.path)] if self.path else words

    def _environ(self, listener: socket.socket) -> dict[str, str]:
        """Our environment, with what was set on the command line where the children look."""
        settings = {**self.overrides, "server.port": listener.getsockname()[1]}
        variables = {
            f"NARTHEX_{key.replace('.', '_').upper()}": str(value)
            for key, value in settings.items()
        }
        return {**os.environ, **variables}

    def _warn(self) -> None:
        if not loopback(self.config.server.host) and not wants_sandbox(self.config):
            _journal.warning(
                "listening off loopback without isolation: whoever may submit runs code as this "
                "user and can read everything that this gateway can",
                host=self.config.server.host,
            )
        server = self.config.server
        if not (loopback(server.host) or server.tls_certificate or server.trusted_proxies):
            _journal.warning(
                "listening off loopback without TLS: passwords and tokens can be read on their "
                "way; set server.tls_certificate, or server.trusted_proxies for a proxy with one",
                host=server.host,
            )

    async def _wait_for_shutdown(self, url: str, stopping: asyncio.Event) -> None:
        try:
            await self._announce(url, stopping)
            await stopping.wait()
        finally:
            self.paths.endpoint.unlink(missing_ok=True)
        _journal.info("stopping")

    async def _announce(self, url: str, stopping: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        complain = loop.time() + _FIRST_COMPLAINT_SECONDS
        certificate = self._certificate()
        while not stopping.is_set():
            reason = await ready(url, certificate)
            if not reason:
                break
            if loop.time() > complain:
                _journal.warning("not ready yet", reason=reason)
                complain = loop.time() + _COMPLAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await stopping.wait()
        else:
            return
        said = {"url": url, "pid": os.getpid()}
        if certificate:
            said["certificate"] = certificate
        replace(self.paths.endpoint, orjson.dumps(said))
        _note_settings(self.config, self.path)  # not before: a bad start is one line
        secret = self.paths.admin_password
        self.tell(url, secret if secret.exists() else None)


async def _keep_redis(redis: EmbeddedRedis) -> None:
    """Replaces the private server whenever it ends; its data is where it was."""
    backoff = Backoff(*_REDIS_BACKOFF_SECONDS)
    while True:
        status = await redis.wait()
        _journal.warning("a part has ended and is replaced", part="redis", status=status)
        while True:
            await asyncio.sleep(backoff.next())
            try:
                await redis.start()
            except GatewayError as error:
                _journal.error("redis does not come up", reason=error.message)
            else:
                backoff.reset()
                break


async def _stop_all(workers: list[Process], seconds: float) -> None:
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.stop(seconds))


@contextlib.contextmanager
def _only_one(paths: DataPaths) -> Iterator[None]:
    lock = try_lock(paths.supervisor_lock)
    if lock is None:
        raise NotServed(_TAKEN, f"another gateway serves {paths.data} already")
    try:
        yield
    finally:
        os.close(lock)


def _heed(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    # A hang-up before there is anything to read again is no request.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _raise_file_limit() -> None:
    """As many open files as allowed: a socket each, and the children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
