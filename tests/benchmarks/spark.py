"""Warm statements of Spark through the gateway, beside the same in a bare driver."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from websockets.asyncio.client import ClientConnection

from engines.contract import Limits, RunSpec
from engines.spark import SparkEngine
from tests.benchmarks.figures import Figure, less, median
from tests.journeys.entrance import frame, opened
from tests.support.served import Served

ROUNDS = 20
_WARM = 5
_STATEMENTS = {
    "select 1": "select 1",
    "a join of 100,000 rows": (
        "select count(*) c from range(100000) a join range(100000) b on a.id = b.id"
    ),
}
_BARE = """\
import json, sys, time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
for text, rounds in json.loads(sys.argv[1]):
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        spark.sql(text).collect()
        found.append((time.perf_counter() - start) * 1000)
    print(json.dumps(found), flush=True)
"""


async def statement(socket: ClientConnection, text: str) -> float:
    """Milliseconds from asking to the final status."""
    body: dict[str, object] = {
        "executeApplicationName": "spark",
        "runType": "sql",
        "executionCode": text,
    }
    start = time.perf_counter()
    await socket.send(frame("execute", body))
    while True:
        data = json.loads(await socket.recv())["data"]
        if data.get("status") in {"Succeed", "Failed", "Cancelled", "Timeout"}:
            assert data["status"] == "Succeed", data
            return (time.perf_counter() - start) * 1000


async def ours(gateway: Served, rounds: int) -> list[float]:
    """The medians of all statements."""
    found = []
    async with asyncio.timeout(600), opened(gateway) as socket:
        for text in _STATEMENTS.values():
            took = [await statement(socket, text) for _ in range(_WARM + rounds)]
            found.append(median(took[_WARM:]))
    return found


def bare(rounds: int) -> list[float]:
    """The same in a driver that has nothing of ours around it but the same settings of Spark."""
    with tempfile.TemporaryDirectory(prefix="nx-") as name:
        folder = Path(name)
        (folder / "work").mkdir()
        spec = RunSpec("bare", "python", _BARE, folder, folder / "work", {}, {}, Limits())
        launch = SparkEngine().prepare(spec)
        words = [[text, _WARM + rounds] for text in _STATEMENTS.values()]
        done = subprocess.run(
            [*launch.argv, json.dumps(words)],
            env={**launch.environment, "PATH": "/usr/local/bin:/usr/bin:/bin"},
            cwd=launch.directory,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            text=True,
            timeout=600,
            check=True,
        )
    return [median(json.loads(line)[_WARM:]) for line in done.stdout.splitlines()]


def measure(gateway: Served, share: float) -> list[Figure]:
    """Medians of twenty; nothing, and why, where there is no Spark."""
    health = SparkEngine().probe()
    if not health.available:
        warnings.warn(f"spark skipped: {health.detail}", stacklevel=1)
        return []
    del share  # twenty are few enough
    mine, theirs = asyncio.run(ours(gateway, ROUNDS)), bare(ROUNDS)
    return [
        less(f"spark: {name}, p50", own, "ms", ("a bare warm driver", other))
        for name, own, other in zip(_STATEMENTS, mine, theirs, strict=True)
    ]
