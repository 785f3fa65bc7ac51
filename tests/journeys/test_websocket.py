"""The five verbs over one websocket, as a plain client sends them."""

import asyncio
from collections import defaultdict
from typing import Any

from tests.journeys.entrance import executing, frame, opened, received, shell
from tests.support.served import Served


async def test_the_five_verbs_on_one_socket(served: Served) -> None:
    """Every verb answers on the socket under its own method name."""
    async with asyncio.timeout(40), opened(served) as socket:
        exec_id = await executing(socket, "echo one; sleep 300")
        running = False
        while not running:
            message = await received(socket)
            running = message["data"].get("status") == "Running"
        for verb in ("status", "log", "progress", "kill"):
            method = f"/api/rest_j/v1/entrance/{exec_id}/{verb}"
            await socket.send(frame(f"{exec_id}/{verb}"))
            reply = await received(socket)
            while reply["method"] != method:
                reply = await received(socket)
            assert reply["data"]["execID"] == exec_id
        while reply["data"].get("status") != "Cancelled":
            reply = await received(socket)


async def test_twenty_tasks_on_one_socket(served: Served) -> None:
    """Each push carries the execID and the tag of its own task, and every line comes once."""
    tags: dict[str, str] = {}
    texts: dict[str, str] = defaultdict(str)
    final: dict[str, str] = {}
    async with asyncio.timeout(60), opened(served) as socket:
        for number in range(20):
            body = shell(f"for i in 1 2 3; do echo task {number} line $i; done")
            await socket.send(frame("execute", body, websocketTag=f"tag{number}"))
        while len(final) < 20:
            message: dict[str, Any] = await received(socket)
            data = message["data"]
            exec_id = data["execID"]
            assert data["websocketTag"] == message["websocketTag"]
            if message["method"].endswith("/execute"):
                tags[exec_id] = data["websocketTag"]
                continue
            if exec_id not in tags:
                continue  # what an earlier socket of this user was not told any more
            assert message["method"].split("/")[5] == exec_id
            assert tags[exec_id] == data["websocketTag"]
            assert exec_id not in final
            if message["method"].endswith("/log"):
                texts[exec_id] += data["log"][3]
            if data.get("status") in {"Succeed", "Failed", "Cancelled"}:
                final[exec_id] = data["status"]
    assert set(final.values()) == {"Succeed"}
    for exec_id, tag in tags.items():
        mark = tag.removeprefix("tag")
        printed = [line for line in texts[exec_id].splitlines() if " task " in line]
        assert [line.partition(" task ")[2] for line in printed] == [
            f"{mark} line {i}" for i in (1, 2, 3)
        ]
