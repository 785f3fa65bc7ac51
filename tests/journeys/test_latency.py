"""How soon a line is seen: at once while a run says little, in batches while it says much."""

import asyncio
from pathlib import Path

from tests.journeys.entrance import executing, frame, opened, received
from tests.support.served import Served

ROUNDS = 10
WAITING = """cd {folder}
for i in $(seq {rounds}); do
    echo $i
    while [ ! -e $i ]; do sleep 0.01; done
done"""
FLOOD = "seq 1 200000"


async def test_a_line_is_seen_before_the_next_is_printed(served: Served, tmp_path: Path) -> None:
    """A line is sent on by itself: here the run goes on only when its reader has it."""
    seen: list[str] = []
    async with asyncio.timeout(60), opened(served) as socket:
        exec_id = await executing(socket, WAITING.format(folder=tmp_path, rounds=ROUNDS))
        await socket.send(frame(f"{exec_id}/subscribe"))
        while len(seen) < ROUNDS:
            message = await received(socket)
            if message["method"].endswith("/lines"):
                texts = [row["text"] for row in message["data"]["lines"]]
                assert len(texts) == 1
                seen += texts
                (tmp_path / texts[0]).touch()
    assert seen == [str(n) for n in range(1, ROUNDS + 1)]


async def test_a_flood_comes_in_batches(served: Served) -> None:
    """Many lines share a push, and each comes once and in order."""
    seen: list[str] = []
    pushes = 0
    async with asyncio.timeout(100), opened(served) as socket:
        exec_id = await executing(socket, FLOOD)
        await socket.send(frame(f"{exec_id}/subscribe"))
        while True:
            message = await received(socket)
            if message["method"].endswith("/lines"):
                pushes += 1
                seen += [row["text"] for row in message["data"]["lines"]]
            if message["method"].endswith("/eof"):
                break
    assert seen == [str(n) for n in range(1, 200_001)]
    assert pushes < len(seen) / 20
