"""Warm statements of Spark through the gateway, beside the same in a bare driver."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from engines.contract import RunSpec
from engines.spark import SparkEngine
from tests.benchmarks.figures import Figure, less
from tests.benchmarks.turns import in_turns, statement
from tests.journeys.entrance import opened
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
for line in sys.stdin:
    start = time.perf_counter()
    spark.sql(json.loads(line)).collect()
    print((time.perf_counter() - start) * 1000, flush=True)
"""


@contextmanager
def bare_driver() -> Iterator[Callable[[str], float]]:
    """Milliseconds of a statement in a driver with nothing of ours around it but its settings."""
    with tempfile.TemporaryDirectory(prefix="nx-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "work").mkdir()
        launch = SparkEngine().prepare(
            RunSpec("bare", "python", _BARE, folder, folder / "work", {"PATH": os.environ["PATH"]})
        )
        with subprocess.Popen(
            launch.argv,
            env=launch.environment,
            cwd=launch.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as driver:
            assert driver.stdin is not None
            assert driver.stdout is not None
            asks, answers = driver.stdin, driver.stdout

            def ask(text: str) -> float:
                asks.write(f"{json.dumps(text)}\n")
                asks.flush()
                return float(answers.readline())

            yield ask
            asks.close()


async def turns(gateway: Served, bare: Callable[[str], float]) -> list[tuple[float, float]]:
    """The medians of ours and of the bare driver, for each statement, asked in turns."""
    found = []
    async with asyncio.timeout(900), opened(gateway) as socket:
        for text in _STATEMENTS.values():
            ours = partial(statement, socket, "spark", "sql", text)
            beside = partial(asyncio.to_thread, bare, text)
            found.append(await in_turns(ours, beside, ROUNDS, _WARM))
    return found


def measure(gateway: Served, share: float) -> list[Figure]:
    """Medians of twenty; nothing, and why, where there is no Spark."""
    health = SparkEngine().probe()
    if not health.available:
        warnings.warn(f"spark skipped: {health.detail}", stacklevel=1)
        return []
    del share  # twenty are few enough
    with bare_driver() as bare:
        found = asyncio.run(turns(gateway, bare))
    return [
        less(f"spark: {name}, p50", mine, "ms", ("a bare warm driver", theirs))
        for name, (mine, theirs) in zip(_STATEMENTS, found, strict=True)
    ]
