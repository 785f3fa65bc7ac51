"""What Dask takes for the same: run in its environment, prints one JSON object of figures.

Usage: dask_program.py ROUNDS COUNT. A task of Dask is a function in a worker that is there already:
here it starts a process, as a run does, and for ``statement`` it does not.
"""

from __future__ import annotations

import json
import operator
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module

FLIGHT = 32


def said() -> bytes:
    """What a new process prints."""
    return subprocess.run(["/bin/sh", "-c", "echo hi"], stdout=subprocess.PIPE, check=True).stdout


def true(_: int) -> int:
    """The exit code of a new process."""
    return subprocess.run(["/bin/sh", "-c", "true"], check=True).returncode


def middle(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds that a call takes, p50 after a few."""
    took = []
    for _ in range(rounds + 3):
        start = time.perf_counter()
        work()
        took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took[3:])


def main(rounds: int, count: int) -> None:
    """Measures in a cluster of two workers on this machine."""
    distributed = import_module("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=FLIGHT // 2, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        figures = {
            "start": middle(lambda: client.submit(said, pure=False).result(), rounds),
            "statement": middle(
                lambda: client.submit(operator.add, 1, 1, pure=False).result(), rounds
            ),
        }
        start = time.perf_counter()
        client.gather(client.map(true, range(count), pure=False))
        figures["rate"] = count / (time.perf_counter() - start)
    sys.stdout.write(f"{json.dumps(figures)}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
