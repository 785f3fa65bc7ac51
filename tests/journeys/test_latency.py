"""How soon a line is seen: at once while a run says little, in batches while it says much."""

import asyncio
import json
import statistics
import sys
import time

import pytest

from tests.journeys.entrance import executing, frame, opened
from tests.support.served import Served

TICKS = """{python} -uc '
import time
for _ in range({count}):
    time.sleep({seconds})
'"""
FLOOD = "seq 1 200000"


async def heard(served: Served, code: str) -> tuple[list[tuple[float, str]], int]:
    """The lines of a run, each with the time when it was seen, and in how many pushes they came."""
    seen: list[tuple[float, str]] = []
    pushes = 0
    async with asyncio.timeout(60), opened(served) as socket:
        exec_id = await executing(socket, code)
        await socket.send(frame(f"{exec_id}/subscribe"))
        while True:
            message = json.loads(await socket.recv())
            now = time.time()
            verb = message["method"].rpartition("/")[2]
            if verb == "lines":
                pushes += 1
                seen += [(now, row["text"]) for row in message["data"]["lines"]]
            if verb == "eof":
                return seen, pushes


@pytest.mark.parametrize(("seconds", "count", "bound"), [(0.25, 12, 0.1), (0.01, 200, 0.15)])
async def test_a_line_is_seen_soon(
    served: Served, seconds: float, count: int, bound: float
) -> None:
    """Half of the lines of a run that says little are seen within a small part of a second."""
    code = TICKS.format(python=sys.executable, count=count, seconds=seconds)
    seen, _ = await heard(served, code)
    # The first ones may have been there before the subscription.
    delays = [at - float(text) for at, text in seen[2:]]
    assert len(delays) == count - 2
    assert statistics.median(delays) < bound


async def test_a_flood_comes_in_batches(served: Served) -> None:
    """Many lines share a push, and each comes once and in order."""
    seen, pushes = await heard(served, FLOOD)
    assert [text for _, text in seen] == [str(n) for n in range(1, 200_001)]
    assert pushes <= 2000
