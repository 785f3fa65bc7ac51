"""A bare Sanic with a Redis stream: no identity, no numbers, no truth on disk.

``python -m tests.benchmarks.peers.bare REDIS_URL`` prints its port. A websocket at ``/run`` names a
script, whose output goes in pieces of 64 KiB through a stream to the socket; in the form ``json``
each piece is a message like a log push of Linkis, in ``rows`` one of rows as of ``format=lines``.
``/get`` answers with one value of Redis; ``/idle`` holds a socket.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson
from redis import asyncio as aioredis
from sanic import HTTPResponse, Request, Sanic, Websocket
from sanic.response import raw

from gateway.stores.embedded import EmbeddedRedis

__all__ = ["Bare", "bare"]

_CHUNK = 1 << 16


class Bare:
    """A running one: where it is, and its process."""

    def __init__(self, port: int, pid: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.socket_url = f"ws://127.0.0.1:{port}"
        self.pid = pid


@asynccontextmanager
async def bare() -> AsyncIterator[Bare]:
    """One with a Redis of its own, for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="nx") as folder:
        server = EmbeddedRedis(Path(folder) / "data", Path(folder) / "s")
        await server.start()
        words = [sys.executable, "-m", __name__, server.url]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 - once
        try:
            assert process.stdout
            port = int(await asyncio.to_thread(process.stdout.readline))
            found = Bare(port, process.pid)
            async with httpx.AsyncClient() as client, asyncio.timeout(10):
                while True:
                    try:
                        await client.get(f"{found.url}/get")
                        break
                    except httpx.TransportError:
                        await asyncio.sleep(0.02)
            yield found
        finally:
            process.kill()  # it has nothing to lose
            await asyncio.to_thread(process.wait)
            await server.stop()


async def _fill(redis: aioredis.Redis, stream: str, script: str) -> None:
    child = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout
    while data := await child.stdout.read(_CHUNK):
        await redis.xadd(stream, {"d": data}, maxlen=10_000)
    await redis.xadd(stream, {"d": b""})
    await child.wait()


def _rows(data: bytes, first: int) -> list[dict[str, object]]:
    """A row for each end of a line in a piece; what the next piece says of a line is a row more."""
    lines = data.decode("utf-8", "replace").split("\n")
    now = time.time_ns() // 1_000_000
    return [
        {"n": number, "t": now, "s": "out", "text": line}
        for number, line in enumerate(lines, first)
    ]


async def _pass_on(redis: aioredis.Redis, stream: str, socket: Websocket, form: str) -> None:
    place, seen = b"0", 1
    while True:
        found: object = await redis.xread({stream: place}, count=16, block=1000)
        for entry, fields in found[0][1] if isinstance(found, list) and found else ():
            place, data = entry, fields[b"d"]
            if not data:
                await redis.delete(stream)
                return
            if form == "rows":
                rows = _rows(data, seen)
                seen += len(rows) - 1
                message = {"method": "lines", "status": 0, "data": {"lines": rows}}
                await socket.send(orjson.dumps(message).decode())
            elif form == "json":
                text = data.decode("utf-8", "replace")
                body = {"method": "log", "status": 0, "data": {"log": ["", "", text, text]}}
                await socket.send(orjson.dumps(body).decode())
            else:
                await socket.send(data)


def main(url: str) -> None:
    """Serves until it is told to end."""
    app = Sanic("bare", configure_logging=False)
    app.config.USE_UVLOOP = False
    app.config.ACCESS_LOG = False
    redis = aioredis.Redis.from_url(url, protocol=2)

    @app.websocket("/run")  # type: ignore[untyped-decorator]  # Sanic leaves it untyped
    async def run(_: Request, socket: Websocket) -> None:
        order = json.loads(await socket.recv() or "{}")
        stream = uuid.uuid4().hex
        async with asyncio.TaskGroup() as group:
            group.create_task(_fill(redis, stream, order["script"]))
            group.create_task(_pass_on(redis, stream, socket, order.get("form", "")))

    @app.websocket("/idle")  # type: ignore[untyped-decorator]  # as above
    async def idle(_: Request, socket: Websocket) -> None:
        await socket.recv()

    @app.get("/get")
    async def get(_: Request) -> HTTPResponse:
        value = await redis.get("status")
        return raw(value if isinstance(value, bytes) else b"{}", content_type="application/json")

    import socket as sockets  # noqa: PLC0415 - the name is a websocket's above

    listener = sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM, sockets.IPPROTO_TCP)
    listener.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    app.run(sock=listener, single_process=True, motd=False)


if __name__ == "__main__":
    main(sys.argv[1])
