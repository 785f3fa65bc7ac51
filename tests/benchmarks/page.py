"""Two hundred lines at random offsets of a long log, while it is hot and from disk."""

from __future__ import annotations

import random
import time

from tests.benchmarks.figures import Figure, less, median, percentile
from tests.journeys.entrance import Caller
from tests.support.served import Served

LINES = 10_000_000
PAGE = 200
ASKED = 200


def times(caller: Caller, exec_id: str, low: int, high: int, rng: random.Random) -> list[float]:
    """Milliseconds of pages whose first lines lie in a stretch."""
    found = []
    for _ in range(ASKED):
        first = rng.randint(low, max(low, high - PAGE))
        query = {"format": "lines", "fromLine": first, "size": PAGE}
        start = time.perf_counter()
        page = caller.call("GET", f"{exec_id}/log", params=query)
        found.append((time.perf_counter() - start) * 1000)
        assert [row["n"] for row in page["lines"]] == list(range(first, first + PAGE))
    return found


def measure(gateway: Served, share: float) -> list[Figure]:
    """Head, middle and tail from disk; the end of the tail is in the hot window."""
    count, rng = int(LINES * share), random.Random(1)  # noqa: S311 - the same places each time
    with Caller(gateway) as caller:
        exec_id = caller.execute(f"seq {count}")
        caller.finished(exec_id, 600)
        tenth = count // 10
        parts = {
            "head": (1, tenth),
            "middle": (count // 2, count // 2 + tenth),
            "tail": (count - tenth, count - 200_000 if count > 2_000_000 else count - tenth // 2),
            "hot": (count - 10_000, count),
        }
        found = {name: times(caller, exec_id, *span, rng) for name, span in parts.items()}
        floor = []
        for _ in range(ASKED):
            start = time.perf_counter()
            caller.call("GET", f"{exec_id}/status")
            floor.append((time.perf_counter() - start) * 1000)
    middle = median(found["middle"])
    return [
        *(
            less(
                f"page: {name}, p99",
                percentile(each, 0.99),
                "ms",
                ("status, p99", percentile(floor, 0.99)),
            )
            for name, each in found.items()
        ),
        less("page: head, p50", median(found["head"]), "ms", ("middle, p50", middle), 1.5),
        less("page: tail, p50", median(found["tail"]), "ms", ("middle, p50", middle), 1.5),
    ]


ENVIRONMENT = {"NARTHEX_RUNNER_OUTPUT_BYTES": "2147483648"}
