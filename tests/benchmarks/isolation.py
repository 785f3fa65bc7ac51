"""What walls cost: a start and a rate in each mode of isolation, and with limits, beside none.

All gateways are there at once and are asked in turns, so that a busy moment hits each.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from engines.isolation import missing_for_sandbox, missing_for_users
from engines.shim.native import build as native
from tests.benchmarks import start
from tests.benchmarks.figures import Figure, less, median, more
from tests.journeys.entrance import opened, shell
from tests.support.served import Served, serving

ROUNDS = 60
COUNT = 300
BURSTS = 3
FLIGHT = 32
_BURST_SECONDS = 300.0
_WARM = 5
_LIMITED = {
    "NARTHEX_RUNNER_MEMORY_BYTES": str(1 << 30),
    "NARTHEX_RUNNER_PROCESSES": "500",
    "NARTHEX_RUNNER_CPU_WEIGHT": "100",
}
_ROOMY = {"NARTHEX_LIMITS_WAITS_PER_USER": "1000"}


_NATIVE = {"NARTHEX_RUNNER_SHIM": "native"}


def modes() -> dict[str, dict[str, str]]:
    """The modes that are possible here, with their settings; those by the native shim come last."""
    found = {"limits": _LIMITED}
    for name, missing in (("sandbox", missing_for_sandbox()), ("users", missing_for_users())):
        if not missing:
            found[name] = {"NARTHEX_RUNNER_ISOLATION": name}
    if native.find() is not None:
        walls = [name for name in found if name != "limits"]
        found["native none"] = _NATIVE
        found.update({f"native {name}": {**_NATIVE, **found[name]} for name in walls})
    return found


def _beside(name: str) -> str:
    """What a mode is measured against: no walls, with the same shim."""
    return "native none" if name.startswith("native ") and name != "native none" else "none"


@contextlib.contextmanager
def beside(plain: Served) -> Iterator[dict[str, Served]]:
    """The gateway without walls, and one of each mode."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nx-")))
        made = {
            name: stack.enter_context(serving(folder / name, **_ROOMY, **settings))
            for name, settings in modes().items()
        }
        yield {"none": plain, **made}


async def starts(gateways: dict[str, Served], rounds: int) -> dict[str, list[float]]:
    """Milliseconds from execute to first line, of each in turns."""
    taken: dict[str, list[float]] = {name: [] for name in gateways}
    async with asyncio.timeout(600), contextlib.AsyncExitStack() as stack:
        sockets = {
            name: await stack.enter_async_context(opened(one)) for name, one in gateways.items()
        }
        for number in range(_WARM + rounds):
            for name, socket in sockets.items():
                value = await start.ours(socket)
                if number >= _WARM:
                    taken[name].append(value)
    return taken


async def rates(gateways: dict[str, Served], count: int) -> dict[str, float]:
    """Scripts a second, the best of a few bursts of each in turns."""
    best = dict.fromkeys(gateways, 0.0)
    for _ in range(BURSTS):
        for name, gateway in gateways.items():
            best[name] = max(best[name], await rate_of(gateway, count))
    return best


async def rate_of(gateway: Served, count: int) -> float:
    """Scripts a second over HTTP until each is final, however often that has to be asked."""
    left = iter(range(count))
    async with httpx.AsyncClient(headers=gateway.headers, timeout=60) as client:

        async def work() -> None:
            for _ in left:
                reply = await client.post(f"{gateway.api}/execute", json=shell("true"))
                name = reply.json()["data"]["execID"]
                query = {"format": "lines", "wait": "20"}
                eof = False
                while not eof:
                    page = await client.get(f"{gateway.api}/{name}/log", params=query)
                    eof = page.json()["data"]["eof"]

        begun = time.perf_counter()
        async with asyncio.timeout(_BURST_SECONDS), asyncio.TaskGroup() as group:
            for _ in range(FLIGHT):
                group.create_task(work())
        return count / (time.perf_counter() - begun)


def measure(gateway: Served, share: float) -> list[Figure]:
    """Each mode beside none."""
    with beside(gateway) as gateways:
        taken = asyncio.run(starts(gateways, max(10, int(ROUNDS * share))))
        made = asyncio.run(rates(gateways, max(64, int(COUNT * share))))
    middle = {name: median(values) for name, values in taken.items()}
    figures = []
    for name in list(gateways)[1:]:
        peer = (f"mode {_beside(name)}", middle[_beside(name)])
        what = f"isolation: {name}, execute to first line, p50"
        figures.append(less(what, middle[name], "ms", peer, 1.3))
        peer = (f"mode {_beside(name)}", made[_beside(name)])
        figures.append(more(f"isolation: {name}, true, 32 in flight", made[name], "/s", peer, 0.7))
    return figures
