"""The native shim beside the Python one: starts, many at a time, memory, and processor time.

Two gateways are there at once and are asked in turns. What one run takes is measured without them.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from engines.contract import Launch, Limits
from engines.launcher import ShimChoice, Zygote
from engines.rundir.creation import create_run
from engines.rundir.directory import WORK, RunDir, RunState
from tests.benchmarks import isolation
from tests.benchmarks.figures import Figure, less, median, more
from tests.faults.cgroup_judge import Judge, perhaps_judging
from tests.support.served import Served, serving
from tests.support.waiting import wait_until

SHIMS: tuple[ShimChoice, ...] = ("python", "native")
ROUNDS = 100
COUNT = 400
TASKS = 200
WAITING = 20
_WARM = 20
_END_SECONDS = 60.0
_TASK_MS = 6.0
_WAITING_MIB = 0.3


class Stage(NamedTuple):
    """A zygote, the folder of its runs, and a group around it, None if there can be none."""

    zygote: Zygote
    folder: Path
    judge: Judge | None


Measured = Callable[[Stage, int], Awaitable[float]]


@contextlib.contextmanager
def gateways() -> Iterator[dict[str, tuple[Served, Judge | None]]]:
    """A gateway of each shim, and a group around it, None if there can be none."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nx-")))
        roomy = {"NARTHEX_LIMITS_WAITS_PER_USER": "1000"}
        made: dict[str, tuple[Served, Judge | None]] = {}
        for shim in SHIMS:
            judge = stack.enter_context(perhaps_judging(f"gateway-{shim}"))
            with judge.inside() if judge else contextlib.nullcontext():
                served = serving(folder / shim, **roomy, NARTHEX_RUNNER_SHIM=shim)
                made[shim] = (stack.enter_context(served), judge)
        yield made


async def bursts(
    both: dict[str, tuple[Served, Judge | None]], count: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Scripts a second, and the processor time of a whole task but for its client, in ms.

    Of each the best of a few bursts in turns.
    """
    rate, spent = dict.fromkeys(both, 0.0), dict.fromkeys(both, float("inf"))
    for _ in range(isolation.BURSTS):
        for name, (gateway, judge) in both.items():
            before = spent_ms(judge)
            rate[name] = max(rate[name], await isolation.rate_of(gateway, count))
            spent[name] = min(spent[name], (spent_ms(judge) - before) / count)
    return rate, spent


async def launched(stage: Stage, *argv: str) -> RunDir:
    """A run that was started."""
    folder = stage.folder
    run = create_run(folder / "new", folder / "live", str(uuid.uuid4()), b"{}")
    work = Path(run.file(WORK))
    work.mkdir()
    order = Launch(argv, {"PATH": "/usr/bin:/bin"}, work, Limits(drain_seconds=0.1))
    assert await stage.zygote.launch(run, order, "")
    return run


async def until(run: RunDir, state: RunState) -> None:
    """Waits until a run is in a state."""
    await wait_until(lambda: run.state() is state, f"{run} to be {state}", _END_SECONDS)


def private_mib(pid: int) -> float:
    """What a process has for itself alone, in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


async def waiting(stage: Stage, count: int) -> float:
    """Private memory of the shim of a run that says nothing, in MiB."""
    runs = [await launched(stage, "sleep", "60") for _ in range(count)]
    for run in runs:
        await until(run, RunState.RUNNING)
    facts = [run.shim() for run in runs]
    found = [private_mib(fact.pid) for fact in facts if fact is not None]
    for run in runs:
        run.request_kill(0)
        run.notify()
        await until(run, RunState.ENDED)
    return median(found)


async def whole(stage: Stage, count: int) -> float:
    """Processor time of a task from its order to its end, its own included, in ms; 0 unknown."""
    before = 0.0
    for number in range(_WARM + count):
        if number == _WARM:
            before = spent_ms(stage.judge)
        await until(await launched(stage, "/bin/sh", "-c", "true"), RunState.ENDED)
    return (spent_ms(stage.judge) - before) / count


def spent_ms(judge: Judge | None) -> float:
    """What all processes of a group have computed so far."""
    if judge is None:
        return 0.0
    said = dict(line.split() for line in (judge.path / "cpu.stat").read_text().splitlines())
    return int(said["usage_usec"]) / 1000


async def alone(shim: ShimChoice, what: Measured, count: int) -> float:
    """Something measured of a shim without a gateway, in a group of its own if there can be one."""
    with (
        tempfile.TemporaryDirectory(prefix="nx-") as name,
        perhaps_judging(f"shims-{shim}") as judge,
    ):
        folder = Path(name)
        for part in ("new", "live"):
            (folder / part).mkdir()
        zygote = Zygote(shim=shim)
        with judge.inside() if judge else contextlib.nullcontext():
            await zygote.start()
        try:
            return await what(Stage(zygote, folder, judge), count)
        finally:
            await zygote.close()


def measure(gateway: Served, share: float) -> list[Figure]:
    """Both, and a bare child beside them."""
    del gateway  # those of the two shims are asked
    with gateways() as both:
        served = {name: gateway for name, (gateway, _) in both.items()}
        taken = asyncio.run(isolation.starts(served, max(10, int(ROUNDS * share))))
        made, spent = asyncio.run(bursts(both, max(64, int(COUNT * share))))
    tasks, runs = max(20, int(TASKS * share)), max(4, int(WAITING * share))
    cpu = {shim: asyncio.run(alone(shim, whole, tasks)) for shim in SHIMS}
    memory = {shim: asyncio.run(alone(shim, waiting, runs)) for shim in SHIMS}
    middle = {shim: median(values) for shim, values in taken.items()}
    return [
        less(
            "shims: native, execute to first line, p50",
            middle["native"],
            "ms",
            ("python", middle["python"]),
        ),
        more("shims: native, true, 32 in flight", made["native"], "/s", ("python", made["python"])),
        less(
            "shims: native, CPU of a whole task", spent["native"], "ms", ("python", spent["python"])
        ),
        less("shims: native, the same", spent["native"], "ms", ("to reach", _TASK_MS), 1),
        less("shims: native, CPU of shim and sh", cpu["native"], "ms", ("python", cpu["python"])),
        less(
            "shims: native, memory of a waiting run",
            memory["native"],
            "MiB",
            ("python", memory["python"]),
        ),
        less("shims: native, the same", memory["native"], "MiB", ("to reach", _WAITING_MIB), 1),
    ]
