"""How soon a status is told while very many idle websockets are open, by two workers."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.benchmarks.figures import median, percentile
from tests.benchmarks.usage import resident_mib, shares
from tests.journeys.entrance import Caller
from tests.support.served import Served, serving

__all__ = ["measured"]

_WORKERS = 2
_AT_ONCE = 50
_CONNECTIONS = 8
_ASKED = 2000
_PACE_SECONDS = 0.01
_WINDOW_SECONDS = 25.0
"""Longer than from one ping to the next."""
_DEADLINE = 300.0


def _roomy() -> None:
    """As many descriptors as may be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@dataclass(frozen=True, slots=True)
class Crowd:
    """Sockets that another process holds: all are open, they may go, all are closed."""

    opened: Event
    over: Event
    closed: Event


async def _held(url: str, headers: Mapping[str, str], count: int, crowd: Crowd) -> None:
    turns, sockets = asyncio.Semaphore(_AT_ONCE), list[ClientConnection]()

    async def one() -> None:
        async with turns:
            way = connect(url, additional_headers=headers, ping_interval=None, open_timeout=60)
            sockets.append(await way)

    async def end(socket: ClientConnection) -> None:
        async with turns:
            await socket.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(one())
    crowd.opened.set()
    await asyncio.to_thread(crowd.over.wait)
    async with asyncio.TaskGroup() as group:
        for socket in sockets:
            group.create_task(end(socket))
    crowd.closed.set()


def _hold(url: str, headers: Mapping[str, str], count: int, crowd: Crowd) -> None:
    _roomy()
    asyncio.run(_held(url, headers, count, crowd))


@contextmanager
def held(gateway: Served, count: int) -> Iterator[Crowd]:
    """So many sockets, in a process of their own: whoever measures is not in their way."""
    context = get_context("spawn")
    crowd = Crowd(context.Event(), context.Event(), context.Event())
    words = (gateway.socket_url, gateway.headers, count, crowd)
    process = context.Process(target=_hold, args=words)
    process.start()
    try:
        yield crowd
    finally:
        crowd.over.set()
        process.join(60)
        if process.is_alive():
            process.kill()
            process.join()


async def asked(gateway: Served, exec_id: str, enough: Callable[[int], bool]) -> list[float]:
    """Milliseconds of each status, asked over some connections at a steady pace.

    Until there are enough of them, or it has taken too long.
    """
    url, found = f"{gateway.api}/{exec_id}/status", list[float]()
    async with AsyncExitStack() as stack, asyncio.timeout(_DEADLINE):
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(headers=gateway.headers, timeout=60))
            for _ in range(_CONNECTIONS)
        ]
        for client in clients:
            await client.get(url)  # what a client does once is not what is measured
        while not enough(len(found)):
            start = time.perf_counter()
            reply = await clients[len(found) % _CONNECTIONS].get(url)
            found.append((time.perf_counter() - start) * 1000)
            assert reply.json()["data"]["status"] == "Succeed"
            await asyncio.sleep(max(0.0, _PACE_SECONDS - (time.perf_counter() - start)))
    return found


def measured(folder: Path, count: int) -> str:
    """A Markdown table: no socket, then so many."""
    room = str(count + 100)
    limits = ("SOCKETS", "SOCKETS_PER_USER", "SOCKETS_PER_ADDRESS")
    more = {f"NARTHEX_LIMITS_{name}": room for name in limits}
    more |= {f"NARTHEX_SERVER_{n}": room for n in ("CONNECTIONS", "CONNECTIONS_PER_ADDRESS")}
    more["NARTHEX_SERVER_WORKERS"] = str(_WORKERS)
    rows = []
    with serving(folder / "sockets", **more) as gateway, Caller(gateway) as caller:
        exec_id = caller.execute("true")
        caller.finished(exec_id)
        workers = gateway.parts("gateway.app")
        assert len(workers) == _WORKERS, workers
        before = sum(map(resident_mib, workers))

        def row(name: str, enough: Callable[[int], bool], sockets: int = 0) -> None:
            times = asyncio.run(asked(gateway, exec_id, enough))
            line = (
                f"| {name} | {median(times):.1f} | {percentile(times, 0.99):.1f} "
                f"| {max(times):.1f} "
            )
            if sockets >= 0:
                share = shares({"workers": workers}, _WINDOW_SECONDS)["workers"]
                each = (sum(map(resident_mib, workers)) - before) * 1024 / max(sockets, 1)
                line += f"| {share:.1f} | {f'{each:.1f}' if sockets else ''} |"
            rows.append(line if sockets >= 0 else f"{line}| | |")

        row("0", _ASKED.__le__)
        with held(gateway, count) as crowd:
            row(f"{count:,} being opened", lambda _: crowd.opened.is_set(), -1)
            row(f"{count:,}", _ASKED.__le__, count)
            crowd.over.set()
            row(f"{count:,} being closed", lambda _: crowd.closed.is_set(), -1)
    head = (
        "| idle websockets | status p50, ms | p99, ms | slowest, ms | both workers, % | KiB each |"
    )
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])
