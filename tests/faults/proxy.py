"""A fault proxy between two parties that speak over TCP or a unix socket.

It passes bytes and spoils the passing as the test says, at any moment, for each direction alone. It
runs on a loop in a thread of its own, so that a test which waits does not hold up the traffic. It
must never change a byte: it delays, withholds, drops and cuts.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["PASS", "Address", "Proxy", "Rule", "proxied"]

Address = tuple[str, int] | str
"""Host and port, or the path of a unix socket."""

_CHUNK = 65_536
_TICK = 0.01
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to bytes in one direction.

    ``delay_seconds`` before each chunk; ``bytes_per_second`` 0 for any; ``hold`` keeps what was
    read and reads no more until the rule is lifted; ``drop`` takes bytes and passes none;
    ``cut_after`` that many bytes of a connection it is reset, counted from the connection's start.
    """

    delay_seconds: float = 0.0
    bytes_per_second: int = 0
    hold: bool = False
    drop: bool = False
    cut_after: int | None = None


PASS = Rule()


class Proxy:
    """One listening address in front of one target; the rules may change at any time.

    ``up`` is for what the client says, ``down`` for what it is told. ``refuse`` resets every new
    connection at once. ``connections`` counts those that were made through it.
    """

    def __init__(self, target: Address, listen: str | None = None) -> None:
        self.target = target
        self.up = PASS
        self.down = PASS
        self.refuse = False
        self.connections = 0
        self.cuts = 0
        self.address: Address = listen or ("127.0.0.1", 0)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._done: asyncio.Event | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert not isinstance(self.address, str)
        return self.address[1]

    def reset(self) -> None:
        """Resets every open connection, on both sides."""
        self._on_loop("_reset_all")

    def half_close(self) -> None:
        """Ends the writing side towards the clients; what they say still passes."""
        self._on_loop("_half_close_all")

    def stop(self) -> None:
        """Ends the proxy and all its connections."""
        self._on_loop("_finish")

    async def serve(self, started: threading.Event) -> None:
        """Serves until it is stopped; ``started`` is set when ``address`` is valid."""
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        if isinstance(self.address, str):
            server = await asyncio.start_unix_server(self._accept, self.address)
        else:
            server = await asyncio.start_server(self._accept, *self.address)
            self.address = server.sockets[0].getsockname()[:2]
        async with server:
            started.set()
            await self._done.wait()
            server.close()
            self._reset_all()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_loop(self, name: str) -> None:
        assert self._loop
        self._loop.call_soon_threadsafe(getattr(self, name))

    def _finish(self) -> None:
        assert self._done
        self._done.set()

    def _reset_all(self) -> None:
        for writer in tuple(self._open):
            reset(writer)

    def _half_close_all(self) -> None:
        for writer in tuple(self._open):
            if writer.can_write_eof() and not writer.is_closing():
                writer.write_eof()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The streams would hold their task by a weak reference only.
        task = asyncio.get_running_loop().create_task(self._serve_one(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            if self.refuse:
                return
            far_reader, far = await self._reach()
            await self._join(reader, writer, far_reader, far)
        except OSError:
            return
        finally:
            self._open.discard(writer)
            for each in (writer, far):
                if each is not None:
                    reset(each)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)

    async def _join(
        self,
        near_reader: asyncio.StreamReader,
        near_writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        ways = (
            asyncio.create_task(self._pump("up", near_reader, far_writer)),
            asyncio.create_task(self._pump("down", far_reader, near_writer)),
        )
        try:
            await asyncio.gather(*ways)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(
        self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        passed = 0
        while data := await reader.read(_CHUNK):
            rule = await self._held(way, writer)
            if rule.drop:
                continue
            if rule.delay_seconds:
                await self._wait(rule.delay_seconds)
            if rule.cut_after is not None and passed + len(data) >= rule.cut_after:
                writer.write(data[: rule.cut_after - passed])
                await writer.drain()
                self.cuts += 1
                raise ConnectionResetError
            passed += len(data)
            await self._write(writer, data, rule)
        with contextlib.suppress(OSError):
            if writer.can_write_eof():
                writer.write_eof()

    async def _held(self, way: str, writer: asyncio.StreamWriter) -> Rule:
        while True:
            rule = self.up if way == "up" else self.down
            if not rule.hold:
                return rule
            if writer.is_closing():
                raise ConnectionResetError
            await self._wait(_TICK)

    async def _write(self, writer: asyncio.StreamWriter, data: bytes, rule: Rule) -> None:
        if not rule.bytes_per_second:
            writer.write(data)
            await writer.drain()
            return
        step = max(1, int(rule.bytes_per_second * _TICK * 5))
        for start in range(0, len(data), step):
            writer.write(data[start : start + step])
            await writer.drain()
            await self._wait(step / rule.bytes_per_second)

    async def _wait(self, seconds: float) -> None:
        assert self._done
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._done.wait(), seconds)


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection so that the other side sees a reset and not an orderly end."""
    handle = writer.get_extra_info("socket")
    if handle is not None:
        with contextlib.suppress(OSError):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@contextlib.contextmanager
def proxied(target: Address, listen: str | None = None) -> Iterator[Proxy]:
    """A proxy in front of a target for as long as the block lasts."""
    proxy = Proxy(target, listen)
    started = threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(proxy.serve(started)), name="fault-proxy", daemon=True
    )
    thread.start()
    assert started.wait(10)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(10)
