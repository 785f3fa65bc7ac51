"""One connection to Redis that carries many calls at once.

Calls that are made in the same turn of the loop leave in one write, and answers are given out in
the order of the questions. So a call costs neither a connection of its own nor a wait for one. A
caller that is cancelled costs nothing either: its answer is thrown away when it comes. Nothing is
ever asked twice here, and nobody waits longer than the deadline. Whoever listens to a channel does
it over a connection of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import hiredis

from gateway.stores.redis_address import RedisAddress, read_address

__all__ = ["Channel", "PipelinedConnection", "Value"]

Value = str | bytes | int | float
First = Callable[[Callable[..., Awaitable[object]]], Awaitable[None]]


class PipelinedConnection:
    """The way of one process to its Redis; opened by the first call, and anew after a break.

    Args:
        url: ``unix:///path``, ``redis://`` or ``rediss://``, as ``read_address`` has it.
        timeout: seconds that a call may take, with all that it waits for.
        calls: how many calls may be under way; more wait for their turn.
        first: what is asked over a new connection before any call; it may refuse the connection.
    """

    def __init__(self, url: str, *, timeout: float, calls: int, first: First | None = None) -> None:
        self._address = read_address(url)
        self._first = first
        self._timeout = timeout
        self._turns = asyncio.Semaphore(calls)
        self._opening = asyncio.Lock()
        self._line: _Line | None = None
        self._closed = False

    async def ask(self, *words: Value) -> object:
        """The answer to one command, bytes as bytes.

        Raises:
            hiredis.HiredisError: the server refused it, or what it said is no answer.
            OSError: there is no connection, or it broke.
            TimeoutError: the deadline passed; whether it was carried out is not known.
        """
        line = self._line
        if line is not None and line.open and not self._turns.locked():
            async with self._turns:  # taken without waiting
                return await line.ask(words)
        async with asyncio.timeout(self._timeout), self._turns:
            return await (await self._opened()).ask(words)

    @asynccontextmanager
    async def listening(
        self, name: str, on_text: Callable[[bytes], None]
    ) -> AsyncIterator[Channel]:
        """Tells what is published in a channel, message by message, for the length of the block.

        ``heard`` runs on the event loop and must neither wait nor raise. Raises as ``ask`` does.
        """
        async with asyncio.timeout(self._timeout):
            line = await _opened(self._address, self._timeout, on_text)
        try:
            await line.ask(("SUBSCRIBE", name))
            yield Channel(line)
        finally:
            line.end()

    async def close(self) -> None:
        """Ends the connection; calls that are under way fail."""
        self._closed = True
        line, self._line = self._line, None
        if line is not None:
            line.end()

    async def _opened(self) -> _Line:
        async with self._opening:
            if self._closed:
                raise ConnectionError("the way to the store is closed")
            if self._line is None or not self._line.open:
                self._line = await self._begun()
            return self._line

    async def _begun(self) -> _Line:
        line = await _opened(self._address, self._timeout)
        if self._first is not None:
            try:
                await self._first(lambda *words: line.ask(words))
            except BaseException:
                line.end()
                raise
        return line


class Channel:
    """An open subscription."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    async def broken(self, ping_seconds: float) -> None:
        """Waits until nothing can be heard any more; asks the server from time to time."""
        while self._line.open:
            try:
                async with asyncio.timeout(ping_seconds):
                    await self._line.lost.wait()
            except TimeoutError:
                try:
                    await self._line.ask(("PING",))
                except (OSError, TimeoutError, hiredis.HiredisError):
                    return


async def _opened(
    address: RedisAddress,
    timeout: float,  # noqa: ASYNC109 - of its calls
    on_text: Callable[[bytes], None] | None = None,
) -> _Line:
    loop = asyncio.get_running_loop()
    # A cancellation must not leave a connection behind that nobody knows of.
    line = _Line(timeout, on_text)
    try:
        if address.path:
            await loop.create_unix_connection(lambda: line, address.path)
        else:
            await loop.create_connection(
                lambda: line, address.host, address.port, ssl=address.secure
            )
        for words in address.greeting:
            await line.ask(words)
    except BaseException:
        line.end()
        raise
    return line


class _Line(asyncio.Protocol):
    """An open connection: what was asked and has no answer yet, in order.

    What is published goes to ``heard``, for a connection that subscribes.
    """

    def __init__(self, timeout: float, on_text: Callable[[bytes], None] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._tell = on_text
        self.lost = asyncio.Event()
        self._reader = hiredis.Reader()
        self._asked: deque[tuple[asyncio.Future[object], float]] = deque()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._clock: asyncio.TimerHandle | None = None
        self._received_at = 0.0
        self.open = False

    async def ask(self, words: Sequence[Value]) -> object:
        """Asks with the others of this turn, and waits for the answer."""
        if not self.open:
            raise ConnectionError("the connection to the store is closed")
        answer: asyncio.Future[object] = self._loop.create_future()
        deadline = self._loop.time() + self._timeout
        if not self._out:
            self._loop.call_soon(self._send)
        packed = hiredis.pack_command(tuple(words))  # type: ignore[arg-type]  # theirs says one word
        self._out.append(packed)
        self._asked.append((answer, deadline))
        if self._clock is None:
            self._clock = self._loop.call_at(deadline, self._look)
        found = await answer
        if isinstance(found, hiredis.HiredisError):
            raise found
        return found

    def end(self) -> None:
        """Closes without waiting for anything."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Calls can be made from now on."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self.open = True

    def data_received(self, data: bytes) -> None:
        """Gives out the answers that are complete."""
        self._received_at = self._loop.time()
        try:
            self._reader.feed(data)
            while (found := self._reader.gets()) is not False:
                if self._tell is not None and isinstance(found, list) and found[0] == b"message":
                    self._tell(found[2])
                    continue
                answer, _ = self._asked.popleft()
                if not answer.done():
                    answer.set_result(found)
        except (hiredis.ProtocolError, IndexError):
            self.end()  # this is no Redis, or it answers what nobody asked

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody will get an answer any more."""
        self.open = False
        self.lost.set()
        self._out.clear()
        if self._clock is not None:
            self._clock.cancel()
        while self._asked:
            answer, _ = self._asked.popleft()
            if not answer.done():
                answer.set_exception(exc or ConnectionResetError("the store closed the connection"))

    def _send(self) -> None:
        out = b"".join(self._out)
        self._out.clear()
        if self.open and self._transport is not None:
            self._transport.write(out)

    def _look(self) -> None:
        """Ends what has waited too long; a server that said nothing meanwhile is left."""
        self._clock = None
        now = self._loop.time()
        for answer, deadline in self._asked:
            if deadline > now:
                self._clock = self._loop.call_at(deadline, self._look)
                break
            if not answer.done():
                answer.set_exception(TimeoutError())
            if self._received_at < deadline - self._timeout:
                self.end()
