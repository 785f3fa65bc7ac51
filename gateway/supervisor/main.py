"""``narthex serve``: the data folder, the private Redis, the runner and the gateway processes.

This process does no work of its own, so that there is nothing in it to go wrong: it starts the
parts, replaces what dies, and ends them in order. The runs outlive all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import orjson

from gateway.auth.tokens import SigningKeyError
from gateway.config import Config, ConfigError, load, loopback
from gateway.journal import journal, set_up
from gateway.places import PlaceError, Places
from gateway.plugins import load_dialects, load_engines
from gateway.stores.embedded import EmbeddedRedis, find_server
from gateway.stores.files import replace, try_lock
from gateway.supervisor.first_start import prepare
from gateway.supervisor.listener import listen, url_of
from gateway.supervisor.parts import Process, keep
from gateway.supervisor.probe import ready
from protocol.errors import GatewayError

__all__ = ["serve"]

_REFUSED = 2
_TAKEN = 1
_STOP_SECONDS = 3.0
_LOOK_SECONDS = 0.03
_FIRST_COMPLAINT_SECONDS, _COMPLAIN_SECONDS = 3.0, 15.0
_OLD_PORT_SECONDS = 12.0
_log = journal("gateway.supervisor")


class _Refused(Exception):  # noqa: N818 - the end of a start, with its exit status
    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


def serve(
    places: Places,
    file: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    output: TextIO | None = None,
) -> int:
    """Serves until SIGTERM or SIGINT; the exit status.

    ``file`` is the configuration, by default the one in the data folder if there is one.
    ``overrides`` are settings from the command line. The ready line goes to ``output``; a start
    that fails says why in one line on stderr.
    """
    try:
        path = file or (places.config if places.config.exists() else None)
        config = load(path, overrides=overrides)
        load_engines(config)
        load_dialects(config)
        set_up(config.log, "supervisor")
        house = _House(config, places, path, overrides or {}, output or sys.stdout)
        return asyncio.run(house.serve())
    except _Refused as refused:
        message, status = str(refused), refused.status
    except (ConfigError, PlaceError, SigningKeyError) as error:
        message, status = str(error), _REFUSED
    except GatewayError as error:
        message, status = error.message, _TAKEN
    if message:
        sys.stderr.write(f"narthex: {message}\n")
    return status


@dataclass(frozen=True, slots=True)
class _House:
    config: Config
    places: Places
    path: Path | None
    overrides: Mapping[str, object]
    output: TextIO

    async def serve(self) -> int:
        stopping = asyncio.Event()
        _heed(stopping)
        self.places.prepare()
        with _only_one(self.places), await self._listener() as listener:
            await prepare(self.places)
            _raise_file_limit()
            self._warn()
            async with self._parts(listener, stopping):
                await self._until_told(url_of(listener), stopping)
        return 0

    async def _listener(self) -> socket.socket:
        """The listening socket. After a crash the old processes may hold the port for a while."""
        server, loop = self.config.server, asyncio.get_running_loop()
        patience = _OLD_PORT_SECONDS if self.places.endpoint.exists() else 0.0
        deadline = loop.time() + patience
        while True:
            try:
                return listen(server.host, server.port)
            except ConfigError:
                if loop.time() >= deadline:
                    raise
            await asyncio.sleep(_LOOK_SECONDS)

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
            raise _Refused(_REFUSED)

    def _redis(self) -> EmbeddedRedis:
        settings = self.config.redis
        return EmbeddedRedis(
            self.places.redis,
            self.places.redis_socket,
            max_bytes=settings.memory_bytes,
            program=find_server(settings.server) if settings.server else None,
        )

    def _words(self) -> list[str]:
        words = ["--data-dir", str(self.places.data)]
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
        if not loopback(self.config.server.host):
            _log.warning(
                "listening off loopback without isolation: whoever may submit runs code as this "
                "user and can read everything that this gateway can",
                host=self.config.server.host,
            )

    async def _until_told(self, url: str, stopping: asyncio.Event) -> None:
        try:
            await self._announce(url, stopping)
            await stopping.wait()
        finally:
            self.places.endpoint.unlink(missing_ok=True)
        _log.info("stopping")

    async def _announce(self, url: str, stopping: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        complain = loop.time() + _FIRST_COMPLAINT_SECONDS
        while not stopping.is_set():
            reason = await ready(url)
            if not reason:
                break
            if loop.time() > complain:
                _log.warning("not ready yet", reason=reason)
                complain = loop.time() + _COMPLAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await stopping.wait()
        else:
            return
        replace(self.places.endpoint, orjson.dumps({"url": url, "pid": os.getpid()}))
        secret = self.places.admin_password
        where = f" (admin password in {secret})" if secret.exists() else ""
        self.output.write(f"narthex ready on {url}{where}\n")
        self.output.flush()


async def _keep_redis(redis: EmbeddedRedis) -> None:
    """Replaces the private server whenever it ends; its data is where it was."""
    pause = _LOOK_SECONDS
    while True:
        status = await redis.wait()
        _log.warning("a part has ended and is replaced", part="redis", status=status)
        while True:
            await asyncio.sleep(pause)
            try:
                await redis.start()
            except GatewayError as error:
                pause = min(max(pause * 2, 0.5), 5.0)
                _log.error("redis does not come up", reason=error.message)
            else:
                pause = _LOOK_SECONDS
                break


async def _stop_all(workers: list[Process], seconds: float) -> None:
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.stop(seconds))


@contextlib.contextmanager
def _only_one(places: Places) -> Iterator[None]:
    lock = try_lock(places.supervisor_lock)
    if lock is None:
        raise _Refused(_TAKEN, f"another gateway serves {places.data} already")
    try:
        yield
    finally:
        os.close(lock)


def _heed(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    # A hang-up is no wish: there is nothing to read again without a restart.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _raise_file_limit() -> None:
    """As many open files as allowed: a socket each, and the children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
