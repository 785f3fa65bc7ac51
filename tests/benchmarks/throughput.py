"""One run at full speed to one reader, in each of three forms, beside what passes it on bare."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.benchmarks.figures import Figure, median, more
from tests.benchmarks.peers import daemon
from tests.benchmarks.peers.bare import Bare, bare
from tests.journeys.entrance import executing, frame, opened, shell
from tests.support.served import Served

LINES = 1_000_000
ROUNDS = 3


def script(count: int) -> str:
    """Prints so many lines of 100 bytes."""
    return f"yes {'x' * 99} | head -n {count}"


async def unpushed(socket_: ClientConnection, code: str) -> str:
    """The execID of a script of which only subscribers are told."""
    await socket_.send(frame("execute", shell(code, push=False)))
    while True:
        message = orjson.loads(await socket_.recv())
        if message["method"].endswith("/execute"):
            return str(message["data"]["execID"])


async def subscribed(gateway: Served, count: int, form: str) -> float:
    """Lines a second from execute to the end of a subscription to the live run."""
    async with asyncio.timeout(300), opened(gateway) as owner, opened(gateway) as reader:
        start = time.perf_counter()
        exec_id = await unpushed(owner, script(count))
        assert await received(reader, exec_id, form) == count
        return count / (time.perf_counter() - start)


async def received(reader: ClientConnection, exec_id: str, form: str) -> int:
    """How many lines a subscription gets from the first to its end."""
    await reader.send(frame(f"{exec_id}/subscribe", {"fromLine": 1, "format": form}))
    seen = 0
    while True:
        data = orjson.loads(await reader.recv())["data"]
        seen += len(data.get("lines", ())) or data.get("text", "").count("\n") + ("text" in data)
        if "exitCode" in data:
            return seen


async def reread(gateway: Served, count: int) -> float:
    """Lines a second of a run that has ended, from the subscription to its end."""
    async with asyncio.timeout(300), opened(gateway) as owner, opened(gateway) as reader:
        exec_id = await unpushed(owner, script(count))
        assert await received(owner, exec_id, "block") == count
        start = time.perf_counter()
        assert await received(reader, exec_id, "lines") == count
        return count / (time.perf_counter() - start)


async def pushed(gateway: Served, count: int) -> float:
    """Lines a second as the four texts that Linkis clients are pushed."""
    async with asyncio.timeout(300), opened(gateway) as socket_:
        start = time.perf_counter()
        exec_id = await executing(socket_, script(count))
        seen = 0
        while True:
            data = orjson.loads(await socket_.recv())["data"]
            if data.get("execID") != exec_id:
                continue
            seen += data["log"][3].count("x\n") if "log" in data else 0
            if data.get("status") == "Succeed":
                break
        assert seen == count
        return count / (time.perf_counter() - start)


async def passed(peer: Bare, count: int, form: str = "") -> float:
    """Lines a second through the bare one, taken apart by the client in the same way."""
    async with asyncio.timeout(300), connect(f"{peer.socket_url}/run", max_size=None) as socket_:
        start = time.perf_counter()
        await socket_.send(json.dumps({"script": script(count), "form": form}))
        seen = 0
        async for message in socket_:
            if form == "rows":
                rows = orjson.loads(message)["data"]["lines"]
                seen += len(rows) - 1  # the last is the beginning of the next piece's first
            elif form == "json":
                seen += orjson.loads(message)["data"]["log"][3].count("\n")
            else:
                seen += message.count(b"\n" if isinstance(message, bytes) else "\n")  # type: ignore[arg-type]
        assert seen == count
        return count / (time.perf_counter() - start)


@contextlib.asynccontextmanager
async def websocketd(count: int) -> AsyncIterator[str]:
    """A websocketd (Debian has a package of that name) that prints the same; empty if absent."""
    if daemon.program():
        async with daemon.serving_script(script(count)) as url:
            yield url
    else:
        yield ""


async def websocketd_lines(url: str, count: int) -> float:
    """Lines a second as one frame a line."""
    start, seen = time.perf_counter(), 0
    async with asyncio.timeout(300), connect(url, max_size=None, compression=None) as socket_:
        with contextlib.suppress(ConnectionClosed):  # it says no good-bye
            while await socket_.recv():
                seen += 1
    assert seen > count // 2  # it may lose the last ones by closing too soon
    return seen / (time.perf_counter() - start)


async def compare(gateway: Served, count: int) -> list[list[float]]:
    """Each way once, in turns with its peer."""
    found: list[list[float]] = [[] for _ in range(8)]
    async with bare() as peer, websocketd(count) as url:
        for _ in range(ROUNDS):
            found[0].append(await subscribed(gateway, count, "lines"))
            found[1].append(await websocketd_lines(url, count) if url else 0.0)
            found[2].append(await subscribed(gateway, count, "block"))
            found[3].append(await passed(peer, count))
            found[4].append(await pushed(gateway, count))
            found[5].append(await passed(peer, count, "json"))
            found[6].append(await reread(gateway, count))
            found[7].append(await passed(peer, count, "rows"))
    return found


def measure(gateway: Served, share: float) -> list[Figure]:
    """Medians of three."""
    values = [median(each) for each in asyncio.run(compare(gateway, int(LINES * share)))]
    lines, daemon_, block, chunks, texts, messages, again, rows = values
    first = ("websocketd", daemon_) if daemon_ else ("bare Sanic (no websocketd here)", chunks)
    same = ("bare Sanic, the same rows", rows)
    return [
        more("throughput: format=lines", lines, "lines/s", first, 1.0 if daemon_ else 0),
        more("throughput: format=lines, live", lines, "lines/s", same, 0.5),
        more("throughput: format=lines, finished", again, "lines/s", same, 0.7),
        more("throughput: format=block", block, "lines/s", ("bare Sanic, 64 KiB", chunks), 0.7),
        more("throughput: four texts", texts, "lines/s", ("bare Sanic, JSON", messages), 0.5),
    ]
