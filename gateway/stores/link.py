"""The way to Redis: one bounded pool, a deadline for every call, scripts by their hash.

Whatever Redis or the way to it does wrong comes out as a GatewayError without a word of Redis in
it. Nothing is repeated behind the caller's back: every script may be repeated, but its caller
decides. A server that hangs is asked by one call at a time until it answers again.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from importlib import resources

from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from gateway.stores import keys
from protocol.errors import GatewayError, Kind

__all__ = ["Bells", "Link", "Value", "script_text", "unavailable"]

Value = str | bytes | int | float

# redis-py has types for some of what Redis says, and takes the word that says it out of the text.
_TRANSIENT_TYPES = (
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
_TRANSIENT = re.compile(
    r"MISCONF|OOM|READONLY|LOADING|BUSY|NOAUTH|WRONGPASS|NOPERM|CLUSTERDOWN|MASTERDOWN|TRYAGAIN"
    r"|NOREPLICAS|UNKILLABLE|WRONGTYPE|EXECABORT|max number of clients"
)
_RUN_ID = re.compile(rb"^run_id:(\w+)", re.MULTILINE)
_RETRY_SECONDS = 1.0
_PATIENCE = 3
_PING_SECONDS = 5.0
_INCLUDE = re.compile(r"^-- include (\w+)$", re.MULTILINE)


def unavailable(cause: BaseException | None = None) -> GatewayError:
    """The refusal that stands for any trouble with Redis, or for a fault of our own scripts."""
    if isinstance(cause, ResponseError) and not _transient(cause):
        return GatewayError(Kind.INTERNAL, "the gateway's store refused an operation")
    return GatewayError(
        Kind.UNAVAILABLE,
        "the gateway's store does not answer at the moment",
        retry_after=_RETRY_SECONDS,
    )


def _transient(error: ResponseError) -> bool:
    return isinstance(error, _TRANSIENT_TYPES) or _TRANSIENT.search(str(error)) is not None


def wrong_type(error: BaseException | None) -> bool:
    """Whether Redis refused because a key holds another type than is ours."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)


@cache
def script_text(name: str) -> str:
    """The text of a script with its parts in place.

    A line ``-- include part`` stands for the file of that name in ``scripts/parts``.
    """
    folder = resources.files(__package__) / "scripts"
    text = (folder / f"{name}.lua").read_text("utf-8")
    return _INCLUDE.sub(
        lambda found: (folder / "parts" / f"{found[1]}.lua").read_text("utf-8").rstrip(), text
    )


@cache
def _digest(name: str) -> str:
    return hashlib.sha1(script_text(name).encode(), usedforsecurity=False).hexdigest()


class Bells:
    """An open subscription to the doorbells."""

    def __init__(self, pubsub: aioredis.client.PubSub) -> None:
        self._pubsub = pubsub
        self._asked = False

    async def next(self) -> str:
        """The id of the next task that rang; waits for ever, but notices a dead connection.

        Raises GatewayError(UNAVAILABLE) when the subscription is broken: rings may be lost.
        """
        while True:
            try:
                message = await self._pubsub.get_message(timeout=_PING_SECONDS)
                if message is None:
                    await self._ask()
                    continue
            except (RedisError, OSError, TimeoutError) as error:
                raise unavailable(error) from error
            self._asked = False
            if message["type"] == "message":
                return bytes(message["data"]).decode("utf-8", "replace")

    async def _ask(self) -> None:
        if self._asked:
            raise RedisConnectionError("no answer")
        self._asked = True
        async with asyncio.timeout(_PING_SECONDS):
            await self._pubsub.ping()


class Link:
    """The connections of one process to its Redis.

    Args:
        url: ``unix:///path``, ``redis://`` or ``rediss://``.
        timeout: seconds that one call may take, waiting for a connection included.
        connections: how many calls may be under way at once; more wait for their turn.
    """

    def __init__(self, url: str, *, timeout: float = 1.0, connections: int = 32) -> None:
        self._timeout = timeout
        self._slow = 0
        self._probing = False
        self._client = aioredis.Redis.from_pool(
            aioredis.BlockingConnectionPool.from_url(
                url,
                max_connections=connections,
                timeout=timeout,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
            )
        )
        # Replies are read by the store that asked for them, and by nobody before it.
        self._client.response_callbacks.clear()
        self._listener = aioredis.Redis.from_url(
            url,
            socket_timeout=None,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )

    async def run(self, name: str, names: Sequence[str], *arguments: Value) -> object:
        """Runs the script ``name`` with these keys and arguments; its reply as it came."""
        head = (len(names), *names, *arguments)
        async with self._guarded():
            try:
                return await self._execute("EVALSHA", _digest(name), *head)
            except NoScriptError:
                return await self._execute("EVAL", script_text(name), *head)

    async def call(self, command: str, *arguments: Value) -> object:
        """Runs one command; its reply as it came."""
        async with self._guarded():
            return await self._execute(command, *arguments)

    async def _execute(self, *words: Value) -> object:
        reply: object = await self._client.execute_command(*words)  # type: ignore[no-untyped-call]  # untyped there
        return reply

    async def server_run(self) -> str:
        """A name that differs for every start of the server."""
        reply = await self.call("INFO", "server")
        found = _RUN_ID.search(reply) if isinstance(reply, bytes) else None
        if found is None:
            raise unavailable()
        return found[1].decode()

    async def check(self, process: str) -> None:
        """Proves by a real write that the store takes writes; raises UNAVAILABLE if not."""
        await self.call("SET", keys.PROBE.key(process), "1", "PX", 10_000)

    @asynccontextmanager
    async def bells(self) -> AsyncIterator[Bells]:
        """A subscription to the doorbells for the length of the block."""
        pubsub = self._listener.pubsub()
        try:
            try:
                async with asyncio.timeout(self._timeout):
                    with _cancellable():
                        await pubsub.subscribe(keys.BELL)
            except (RedisError, OSError, TimeoutError) as error:
                raise unavailable(error) from error
            yield Bells(pubsub)
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.aclose()
        await self._listener.aclose()

    @asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        probing = self._slow >= _PATIENCE
        if probing:
            if self._probing:
                raise unavailable()
            self._probing = True
        try:
            async with asyncio.timeout(self._timeout):
                with _cancellable():
                    yield
        except TimeoutError as error:
            self._slow += 1
            raise unavailable(error) from error
        except (RedisError, OSError) as error:
            if isinstance(error, RedisTimeoutError):
                self._slow += 1
            elif isinstance(error, ResponseError):
                self._slow = 0
            raise unavailable(error) from error
        else:
            self._slow = 0
        finally:
            if probing:
                self._probing = False


@contextmanager
def _cancellable() -> Iterator[None]:
    """Ends with CancelledError if a cancellation came during the block and did not come out of it.

    The client loses one that arrives while it opens a connection: whoever cancelled would wait for
    ever for what never ends.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    yield
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
