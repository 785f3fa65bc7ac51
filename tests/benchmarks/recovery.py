"""How long a start takes that finds a thousand live runs, and one that finds many finished ones."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import redis

from gateway.ids import new_task_id
from gateway.stores import keys
from gateway.stores.spec import decode_spec, encode_spec
from tests.benchmarks.figures import Figure, less
from tests.faults.retrying_client import calling
from tests.journeys.entrance import Caller
from tests.support.redis_server import index_url
from tests.support.served import Served, serving
from tests.support.waiting import wait_until_sync

LIVE = 1_000
FINISHED = 50_000
ROOMY = {
    "NARTHEX_RUNNER_RUNNING_TOTAL": "2000",
    "NARTHEX_RUNNER_RUNNING_PER_USER": "2000",
    "NARTHEX_LIMITS_QUEUED_PER_USER": "2000",
}


def collapse(gateway: Served) -> None:
    """Kills the supervisor; its parts end with it."""
    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait(10)


def started(data: Path, known: int = 0) -> tuple[float, float]:
    """Seconds from the start of a gateway until it is ready, and until it knows so many tasks."""
    began = time.perf_counter()
    with serving(data, **ROOMY) as gateway, calling(gateway) as caller:

        def ready() -> bool:
            return caller.http.get(f"{gateway.url}/readyz").status_code == 200

        wait_until_sync(ready, "the gateway to be ready", 300)
        ready_after = time.perf_counter() - began
        with redis.Redis.from_url(index_url(data)) as client:
            wait_until_sync(lambda: indexed(client) >= known, "all tasks to be known", 600)
        return ready_after, time.perf_counter() - began


def indexed(client: redis.Redis) -> int:
    """How many tasks the index holds."""
    return int(client.zcard(keys.TASKS.key()))


def adopted(data: Path, folder: Path, count: int) -> tuple[float, float]:
    """Seconds until a gateway that was killed is ready again, and answers for all its live runs."""
    with serving(data, **ROOMY) as gateway, calling(gateway) as caller:
        gate = folder / "gate"
        os.mkfifo(gate)
        runs = [caller.execute(f"read line < {gate}") for _ in range(count)]
        for run in runs:
            wait_until_sync(lambda run=run: status(caller, run) == "Running", "a run", 300)  # type: ignore[misc]
        collapse(gateway)
    began = time.perf_counter()
    with serving(data, **ROOMY) as gateway, calling(gateway) as caller:
        ready = time.perf_counter() - began
        assert {caller.status(run) for run in runs} == {"Running"}
        seconds = time.perf_counter() - began
        keeper = os.open(gate, os.O_RDWR)
        os.write(keeper, b"go\n" * count)
        for run in runs:
            wait_until_sync(lambda run=run: status(caller, run) == "Succeed", "an end", 300)  # type: ignore[misc]
        os.close(keeper)
    return ready, seconds


def status(caller: Caller, run: str) -> str:
    """The status word of a run; nothing while that cannot be told."""
    reply = caller.http.get(f"{caller.gateway.api}/{run}/status")
    return str(reply.json()["data"].get("status", ""))


def multiply(data: Path, count: int) -> None:
    """Makes many finished runs of the one there is, each with a name and a number of its own."""
    (one,) = (data / "spool" / "done").glob("*/*")
    spec = decode_spec((one / "spec").read_bytes())
    for number in range(2, count + 2):
        name = new_task_id(time.time_ns() // 1_000_000)
        shutil.copytree(one, one.parent / name)
        own = replace(spec, task_id=name, number=number)
        (one.parent / name / "spec").write_bytes(encode_spec(own))


def measure(gateway: Served, share: float) -> list[Figure]:
    """Both figures, beside a start of a gateway that has nothing to look at."""
    assert gateway.url
    running, ended = int(LIVE * share), int(FINISHED * share)
    with tempfile.TemporaryDirectory(prefix="nx-") as name:
        folder = Path(name)
        bare, _ = started(folder / "empty")
        ready, live = adopted(folder / "live", folder, running)
        with serving(folder / "many") as other, calling(other) as caller:
            assert caller.finished(caller.execute("echo one")) == "Succeed"
            done = folder / "many" / "spool" / "done"
            wait_until_sync(lambda: list(done.glob("*/*")), "the run to be put away")
        multiply(folder / "many", ended)
        many, whole = started(folder / "many", ended)
    peer = ("empty start", bare)
    return [
        less(f"recovery: start with {running} live", ready, "s", peer),
        less(f"recovery: {running} live runs adopted and asked for", live, "s", peer),
        less(f"recovery: start with {ended} ended", many, "s", peer),
        less(f"recovery: all {ended} ended back in the index", whole, "s", ("to reach", 60.0), 1),
        less("recovery: the slower of both", max(ready, many), "s", ("to reach", 5.0), 1),
    ]
