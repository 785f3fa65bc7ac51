"""Ten tasks of one user behind ten thousand of another: submit latency, and how long they waited.

The peer of a latency is the bound that was promised for an idle machine; the peer of the wait is
what ten tasks would take if half of the slots were theirs.
"""

from __future__ import annotations

import asyncio
import time

import httpx

from tests.benchmarks.figures import Figure, percentile
from tests.journeys.entrance import shell
from tests.journeys.linkis_people import User, add_user
from tests.support.served import Served
from tests.support.waiting import wait_until_sync

CROWD = 9_990
FEW = 10
LANES = 4
TASK_SECONDS = 0.1
PROMISED_MS = 50.0
SLOTS = 64


async def burst(gateway: Served, user: User, count: int) -> list[float]:
    """Milliseconds that each of so many submits took, a few at a time."""
    lane = asyncio.Semaphore(LANES)
    limits = httpx.Limits(max_connections=LANES)
    async with httpx.AsyncClient(
        base_url=gateway.url, headers=user.headers, timeout=60, limits=limits
    ) as http:

        async def one() -> float:
            async with lane:
                start = time.perf_counter()
                body = shell(f"sleep {TASK_SECONDS}")
                reply = await http.post("/api/rest_j/v1/entrance/execute", json=body)
                assert reply.json()["status"] == 0, reply.text
                return (time.perf_counter() - start) * 1000

        return list(await asyncio.gather(*(one() for _ in range(count))))


def measure(gateway: Served, share: float) -> list[Figure]:
    """The tail of the submits, and the time until the last of the few had started."""
    crowd = int(CROWD * share)
    add_user(gateway, "ann")
    add_user(gateway, "bob")
    ann, bob = User(gateway, "ann"), User(gateway, "bob")
    taken = asyncio.run(burst(gateway, ann, crowd))
    queued = ann.data("GET", "entrance/taskinfo")["queuedNumber"]
    asyncio.run(burst(gateway, bob, FEW))
    wait_until_sync(
        lambda: bob.data("GET", "jobhistory/listundone")["totalPage"] == 0,
        "the few to end",
        timeout=120,
    )
    rows = bob.data("GET", "jobhistory/list")["tasks"]
    waited = max(row["engineStartTime"] - row["createdTime"] for row in rows)
    fair = TASK_SECONDS * 1000 * max(1.0, FEW / (SLOTS / 2))
    assert queued > 0, "the crowd was gone before the few came"
    name = "submit into the crowd, p99"
    behind = f"{FEW} tasks behind it, longest wait"
    return [
        Figure("crowd", name, percentile(taken, 0.99), "ms", "promised", PROMISED_MS, False),  # noqa: FBT003 - less is better
        Figure("crowd", behind, waited, "ms", "one share", fair, False),  # noqa: FBT003 - less is better
    ]
