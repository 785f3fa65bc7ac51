"""Two hundred lines at random offsets of a long log: hot, from disk and from the sealed archive.

The run prints and stays, so that its output is read as it was recorded; then it is killed, sealed
and read again. Beside it what a file and an index of all its lines would take without any gateway.
"""

from __future__ import annotations

import array
import os
import random
import tempfile
import time
from collections.abc import Callable
from typing import Any

from engines.rundir.archive import ARCHIVE
from engines.rundir.directory import OUTPUT
from tests.benchmarks.figures import Figure, less, median, percentile
from tests.journeys.entrance import Caller
from tests.support.served import Served
from tests.support.waiting import wait_until_sync

LINES = 10_000_000
PAGE = 200
ASKED = 200
GOAL_MS = 10.0


def timed(read: Callable[[int], list[int]], low: int, high: int, rng: random.Random) -> list[float]:
    """Milliseconds of pages whose first lines lie in a stretch; all of them must be right."""
    found = []
    for _ in range(ASKED):
        first = rng.randint(low, max(low, high - PAGE))
        start = time.perf_counter()
        numbers = read(first)
        found.append((time.perf_counter() - start) * 1000)
        assert numbers == list(range(first, first + PAGE))
    return found


def spans(count: int) -> dict[str, tuple[int, int]]:
    """Where the parts of the log are; the end of the tail is hot."""
    tenth = count // 10
    last = count - 200_000 if count > 2_000_000 else count - tenth // 2
    return {
        "head": (1, tenth),
        "middle": (count // 2, count // 2 + tenth),
        "tail": (count - tenth, last),
    }


def bare(count: int, rng: random.Random) -> list[float]:
    """The same pages from a file with the place of every line known."""
    with tempfile.TemporaryFile() as file:
        places, place = array.array("Q", [0]), 0
        for first in range(1, count + 1, 100_000):
            texts = [b"%d\n" % n for n in range(first, min(first + 100_000, count + 1))]
            file.write(b"".join(texts))
            for text in texts:
                place += len(text)
                places.append(place)
        file.flush()

        def read(first: int) -> list[int]:
            begin, end = places[first - 1], places[first - 1 + PAGE]
            return [int(text) for text in os.pread(file.fileno(), end - begin, begin).split()]

        return timed(read, 1, count, rng)


def sealed(gateway: Served, caller: Caller, exec_id: str) -> None:
    """Ends the run and waits until its archive has taken the place of its output."""
    caller.call("GET", f"{exec_id}/kill")
    caller.finished(exec_id, 60)
    done = gateway.data / "spool" / "done"

    def is_sealed() -> bool:
        return any(done.glob(f"*/*/{ARCHIVE}")) and not any(done.glob(f"*/*/{OUTPUT}"))

    wait_until_sync(is_sealed, "the output to be sealed", timeout=300)


def measure(gateway: Served, share: float) -> list[Figure]:
    """Head, middle and tail from disk and from the archive, and the hot end."""
    count, rng = int(LINES * share), random.Random(1)  # noqa: S311 - the same places each time
    found: dict[str, list[float]] = {}
    with Caller(gateway) as caller:
        exec_id = caller.execute(f"seq {count}; exec sleep 900")

        def asked(first: int) -> dict[str, Any]:
            query = {"format": "lines", "fromLine": first, "size": PAGE}
            return caller.call("GET", f"{exec_id}/log", params=query)

        def read(first: int) -> list[int]:
            return [row["n"] for row in asked(first)["lines"]]

        # Behind the end the hot window answers, so this is the last line that is hot.
        wait_until_sync(lambda: asked(count + 1)["last"] == count, "all lines", timeout=600)
        found["hot"] = timed(read, count - 10_000, count, rng)
        for name, span in spans(count).items():
            found[f"disk, {name}"] = timed(read, *span, rng)
        sealed(gateway, caller, exec_id)
        for name, span in spans(count).items():
            found[f"archive, {name}"] = timed(read, *span, rng)
        floor = timed(lambda first: _asked(caller, exec_id, first), 1, count, rng)
    least = bare(count, rng)
    figures = [
        less(f"page: {name}, p99", percentile(each, 0.99), "ms", ("to reach", GOAL_MS), 1)
        for name, each in found.items()
    ]
    for kind in ("disk", "archive"):
        middle = median(found[f"{kind}, middle"])
        figures += [
            less(
                f"page: {kind}, {name}, p50",
                median(found[f"{kind}, {name}"]),
                "ms",
                ("middle, p50", middle),
                1.5,
            )
            for name in ("head", "tail")
        ]
        figures += [
            less(f"page: {kind}, middle, p50", middle, "ms", other)
            for other in (("pread by index", median(least)), ("status", median(floor)))
        ]
    return figures


def _asked(caller: Caller, exec_id: str, first: int) -> list[int]:
    """A request without a page, for what a request takes."""
    caller.call("GET", f"{exec_id}/status")
    return list(range(first, first + PAGE))


ENVIRONMENT = {"NARTHEX_RUNNER_OUTPUT_BYTES": "2147483648"}
