"""How one node grows: from ten idle runs to ten thousand, and as many idle websockets.

``python -m tests.benchmarks.growth [--runs 10 100 1000 10000] [--sockets 10000] [--shim native]``
makes a gateway of its own for each number of runs, starts them, measures, kills the whole gateway,
starts it again over them, and ends them. Ten thousand runs are twenty thousand processes for some
minutes; look at ``kernel.pid_max`` and at the memory first. ``--sockets 0`` leaves those out.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import redis

from engines.rundir.directory import EXIT, STARTED, RunDir
from tests.benchmarks.figures import median, percentile
from tests.benchmarks.idle_sockets import measured
from tests.benchmarks.recovery import collapse
from tests.benchmarks.start import ours
from tests.benchmarks.usage import available_mib, private_kib, resident_mib, shares
from tests.journeys.entrance import Caller, opened, shell
from tests.journeys.linkis_people import User, add_user
from tests.support.native import native_program
from tests.support.redis_server import index_url
from tests.support.served import Served, end_runs, serving
from tests.support.waiting import wait_until_sync

_ABREAST = 16
_EACH = 500
"""Runs of one user."""
_SAMPLES = 20
_STARTS = 40
_SETTLE_SECONDS = 12.0
_WINDOW_SECONDS = 15.0
_AFTER_SECONDS = 3.0
_DEADLINE = 1200.0


@dataclass(frozen=True, slots=True)
class Row:
    """What so many idle runs cost. Memory in the units of the names, shares in % of a processor."""

    runs: int
    filled_seconds: float
    machine_kib: float
    shim_kib: float
    runner_mib: float
    redis_mib: float
    runner_share: float
    shims_share: float
    others_share: float
    start_ms: float
    slowest_ms: float
    adopted_seconds: float
    first_seconds: float
    worst_ms: float
    ended_seconds: float


def environment(count: int, shim: str) -> dict[str, str]:
    """Room for so many runs of one user, and for those that are started beside them."""
    room = str(count + 100)
    names = ("RUNNER_RUNNING_TOTAL", "RUNNER_RUNNING_PER_USER")
    limits = ("LIMITS_QUEUED_PER_USER", "LIMITS_MESSAGES_PER_SECOND", "LIMITS_MESSAGE_BURST")
    return {
        **{f"NARTHEX_{name}": room for name in names},
        **{f"NARTHEX_{name}": "100000" for name in (*limits, "LIMITS_QUEUED_TOTAL")},
        "NARTHEX_RUNNER_SHIM": shim,
    }


def live(data: Path) -> Iterator[RunDir]:
    """The run directories that are live."""
    return (RunDir(entry.path) for entry in os.scandir(data / "spool" / "live"))


def running(data: Path) -> int:
    """How many of them have started and not ended."""
    started = (one for one in live(data) if os.path.lexists(one.file(STARTED)))
    return sum(not os.path.lexists(one.file(EXIT)) for one in started)


def redis_pid(data: Path) -> int:
    """The process of the private Redis."""
    with redis.Redis.from_url(index_url(data)) as client:
        return int(client.info("server")["process_id"])


def users(gateway: Served, count: int) -> list[User]:
    """Whose the idle runs are: a websocket follows what its user has, a thousand tasks at most."""
    names = [f"user{number}" for number in range(-(-count // _EACH))]
    for name in names:
        add_user(gateway, name)
    return [User(gateway, name) for name in names]


async def fill(gateway: Served, owners: Sequence[User], count: int) -> None:
    """Submits so many sleeping runs, in turns for each user."""
    left = iter(range(count))
    async with httpx.AsyncClient(timeout=120) as client:

        async def work() -> None:
            for number in left:
                reply = await client.post(
                    f"{gateway.api}/execute",
                    json=shell("exec sleep 86400"),
                    headers=owners[number % len(owners)].headers,
                )
                assert reply.json()["status"] == 0, reply.text

        async with asyncio.TaskGroup() as group:
            for _ in range(_ABREAST):
                group.create_task(work())


async def starts(gateway: Served, count: int) -> list[float]:
    """Milliseconds from asking to the first line, of one run after another."""
    async with asyncio.timeout(_DEADLINE), opened(gateway) as socket:
        return [await ours(socket) for _ in range(count)]


async def starts_for(gateway: Served, seconds: float) -> list[float]:
    """The same for some seconds."""
    until = time.perf_counter() + seconds
    found = []
    async with asyncio.timeout(_DEADLINE), opened(gateway) as socket:
        while time.perf_counter() < until:
            found.append(await ours(socket))
    return found


def ready(log: Path, skip: int, count: int) -> bool:
    """Whether a runner has said since then that the index is right, with so many live runs."""
    text = log.read_text()[skip:]
    return f"live={count}\n" in text or f"live={count} " in text


def adopted(data: Path, count: int, more: dict[str, str]) -> tuple[float, float, float, float]:
    """What it takes to start over runs whose gateway was killed.

    Seconds until it has them all, and until it has started another; the slowest start just after,
    in ms; and seconds until all were ended.
    """
    log = data.with_suffix(".log")
    skip = len(log.read_text())
    began = time.perf_counter()
    with serving(data, **more) as gateway, Caller(gateway) as caller:

        def answers() -> bool:
            return caller.http.get(f"{gateway.url}/readyz").status_code == 200

        wait_until_sync(answers, "the gateway to be ready", _DEADLINE)
        wait_until_sync(lambda: ready(log, skip, count), "all to be adopted", _DEADLINE)
        everything = time.perf_counter() - began
        asyncio.run(starts(gateway, 1))
        first = time.perf_counter() - began
        worst = max(asyncio.run(starts_for(gateway, _AFTER_SECONDS)))
        assert running(data) == count
        began = time.perf_counter()
        end_runs()
        wait_until_sync(lambda: not list(live(data)), "all to end", _DEADLINE)
        return everything, first, worst, time.perf_counter() - began


def measure(folder: Path, count: int, shim: str) -> Row:
    """The row for so many runs."""
    data, more = folder / f"runs{count}", environment(count, shim)
    with serving(data, **more) as gateway:
        asyncio.run(starts(gateway, 5))
        owners = users(gateway, count)
        free, began = available_mib(), time.perf_counter()
        asyncio.run(fill(gateway, owners, count))
        wait_until_sync(lambda: running(data) == count, "all to run", _DEADLINE)
        filled = time.perf_counter() - began
        time.sleep(_SETTLE_SECONDS)
        machine = (free - available_mib()) * 1024 / count
        shims = [fact.pid for run in live(data) if (fact := run.shim())]
        (runner,) = gateway.parts("gateway.runner")
        index = redis_pid(data)
        groups = {
            "runner": [runner],
            "shims": shims,
            "others": [*gateway.parts("gateway.app"), index],
        }
        used = shares(groups, _WINDOW_SECONDS)
        private = median([private_kib(pid) for pid in shims[:: max(1, len(shims) // _SAMPLES)]])
        memory = resident_mib(runner), resident_mib(index)
        found = asyncio.run(starts(gateway, _STARTS))
        collapse(gateway)
    return Row(
        count,
        filled,
        machine,
        private,
        *memory,
        used["runner"],
        used["shims"],
        used["others"],
        median(found),
        percentile(found, 0.99),
        *adopted(data, count, more),
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, a column for each number of runs."""
    lines = (
        ("memory of the machine a run, KiB", "machine_kib", 0),
        ("private memory of a shim, KiB", "shim_kib", 0),
        ("memory of the runner, MiB", "runner_mib", 0),
        ("memory of Redis, MiB", "redis_mib", 0),
        ("processor: runner, %", "runner_share", 1),
        ("processor: all shims, %", "shims_share", 1),
        ("processor: gateway and Redis, %", "others_share", 1),
        ("start of one more to its first line, p50, ms", "start_ms", 1),
        ("the slowest of 40, ms", "slowest_ms", 1),
        ("all submitted and at work, s", "filled_seconds", 1),
        ("killed and started again: all adopted, s", "adopted_seconds", 1),
        ("the first new one has said its line, s", "first_seconds", 1),
        ("the slowest start in the 3 s after, ms", "worst_ms", 1),
        ("all killed and put away, s", "ended_seconds", 1),
    )
    head = " | ".join(f"{row.runs:,}" for row in rows)
    text = [f"| idle runs | {head} |", f"|---|{'---|' * len(rows)}"]
    for name, field, digits in lines:
        cells = " | ".join(f"{getattr(row, field):,.{digits}f}" for row in rows)
        text.append(f"| {name} | {cells} |")
    return "\n".join(text)


def main(words: Sequence[str]) -> int:
    """Measures and prints. The native shim is built if it is not there."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth")
    parser.add_argument("--runs", type=int, nargs="*", default=[10, 100, 1000, 10_000])
    parser.add_argument("--sockets", type=int, default=10_000)
    parser.add_argument("--shim", choices=("native", "python"), default="native")
    options = parser.parse_args(words)
    if options.shim == "native":
        native_program()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="nx-", ignore_cleanup_errors=True) as folder:
        for count in options.runs:
            rows.append(measure(Path(folder), count, options.shim))
            sys.stderr.write(f"{rows[-1]}\n")
        sockets = measured(Path(folder), options.sockets) if options.sockets else ""
    when = datetime.now(tz=UTC).date().isoformat()
    machine = f"{os.cpu_count()} processors, {platform.machine()}"
    sys.stdout.write(f"{when}, Python {platform.python_version()}, {machine}\n\n")
    sys.stdout.write(f"{table(rows)}\n\n{sockets}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
