"""The way to Redis: one connection, a deadline for every call, scripts by their hash.

Whatever Redis or the way to it does wrong comes out as a GatewayError without a word of Redis in
it. Nothing is repeated behind the caller's back: every script may be repeated, but its caller
decides. A server that hangs is asked by one call at a time until it answers again.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NoReturn

import hiredis

from gateway.stores import keys
from gateway.stores.node_claim import NodeClaim
from gateway.stores.node_registry import NodeMembership
from gateway.stores.pipelined_connection import Channel, PipelinedConnection, Value
from gateway.stores.script import script
from protocol.errors import GatewayError, Kind

__all__ = ["Notifications", "RedisClient", "Value", "unavailable", "wrong_type"]

_TRANSIENT = re.compile(
    r"MISCONF|OOM|READONLY|LOADING|BUSY|NOAUTH|WRONGPASS|NOPERM|CLUSTERDOWN|MASTERDOWN|TRYAGAIN"
    r"|NOREPLICAS|UNKILLABLE|WRONGTYPE|EXECABORT|max number of clients"
)
_RUN_ID = re.compile(rb"^run_id:(\w+)", re.MULTILINE)
_RETRY_SECONDS = 1.0
_SLOW_CALLS = 3
_PING_SECONDS = 5.0


def unavailable(cause: BaseException | None = None) -> GatewayError:
    """The refusal that stands for any trouble with Redis, or for a fault of our own scripts."""
    if isinstance(cause, hiredis.ReplyError) and not _TRANSIENT.search(str(cause)):
        return GatewayError(Kind.INTERNAL, "the gateway's store refused an operation")
    return GatewayError(
        Kind.UNAVAILABLE,
        "the gateway's store does not answer at the moment",
        retry_after=_RETRY_SECONDS,
    )


def wrong_type(error: BaseException | None) -> bool:
    """Whether Redis refused because a key holds another type than is ours."""
    return isinstance(error, hiredis.ReplyError) and "WRONGTYPE" in str(error)


class Notifications:
    """An open subscription to the notifications."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def broken(self) -> NoReturn:
        """Waits for as long as notifications come through, and notices a dead connection.

        Raises GatewayError(UNAVAILABLE) when the subscription is broken: notifications may be lost.
        """
        await self._channel.broken(_PING_SECONDS)
        raise unavailable()


class RedisClient:
    """The connections of one process to its Redis: one for calls, one for each open subscription.

    Args:
        url: ``unix:///path``, ``redis://`` or ``rediss://``.
        timeout: seconds that one call may take, waiting for its turn included.
        calls: how many calls may be under way at once; more wait for their turn.
        node: the name of the node that must be the only one there; nothing if it may be any.
        member: this node among those that work there together, in place of ``node``.
        space: whose keys are used of those that each node has for itself; empty is the one of
            ``member``, or those of a node that is alone.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 1.0,
        calls: int = 1024,
        node: str = "",
        member: NodeMembership | None = None,
        space: str = "",
    ) -> None:
        self._claim = member or (NodeClaim(node) if node else None)
        self.space = member.name if member is not None else space
        self._slow = 0
        self._probing = False
        self._pipe = PipelinedConnection(url, timeout=timeout, calls=calls, first=self._claim)

    async def run(self, name: str, names: Sequence[str], /, *rest: Value, **named: Value) -> object:
        """Runs the script ``name`` with these keys and arguments; its reply as it came.

        ``rest`` follows the named arguments, for a script that takes any number of values.
        """
        wanted = script(name)
        words = wanted.words(names, named, rest)
        try:
            return await self._ask("EVALSHA", wanted.digest, *words)
        except GatewayError as error:
            if not _unknown_script(error.__cause__):
                raise
        return await self._ask("EVAL", wanted.text, *words)

    async def call(self, command: str, *arguments: Value) -> object:
        """Runs one command; its reply as it came."""
        return await self._ask(command, *arguments)

    def key(self, family: keys.Family, name: str = "") -> str:
        """The key of a family for a name, as this node has it."""
        return family.key(name, self.space)

    async def claim(self) -> None:
        """Makes sure that the server is still this node's alone. Raises ForeignNode if not."""
        if self._claim is not None:
            await self._claim(self._reported)

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
    async def notifications(self, notified: Callable[[str], None]) -> AsyncIterator[Notifications]:
        """A subscription to the notifications for the length of the block.

        ``notified`` is called with the id of each task that is notified; it must neither wait nor
        raise.
        """

        def on_message(data: bytes) -> None:
            notified(data.decode("utf-8", "replace"))

        async with AsyncExitStack() as stack:
            try:
                channel = await stack.enter_async_context(
                    self._pipe.listening(keys.NOTIFICATIONS, on_message)
                )
            except (hiredis.HiredisError, OSError, TimeoutError) as error:
                raise unavailable(error) from error
            yield Notifications(channel)

    async def close(self) -> None:
        """Closes the connection of the calls; subscriptions end with their blocks."""
        await self._pipe.close()

    async def _reported(self, *words: Value) -> object:
        """As ``_ask``, with the refusals of the server as they came."""
        try:
            return await self._ask(*words)
        except GatewayError as error:
            if isinstance(error.__cause__, hiredis.ReplyError):
                raise error.__cause__ from None
            raise

    async def _ask(self, *words: Value) -> object:
        probing = self._slow >= _SLOW_CALLS
        if probing:
            if self._probing:
                raise unavailable()
            self._probing = True
        try:
            found = await self._pipe.ask(*words)
        except TimeoutError as error:
            self._slow += 1
            raise unavailable(error) from error
        except (hiredis.HiredisError, OSError) as error:
            if isinstance(error, hiredis.ReplyError):
                self._slow = 0
            raise unavailable(error) from error
        finally:
            if probing:
                self._probing = False
        self._slow = 0
        return found


def _unknown_script(error: BaseException | None) -> bool:
    return isinstance(error, hiredis.ReplyError) and str(error).startswith("NOSCRIPT")
