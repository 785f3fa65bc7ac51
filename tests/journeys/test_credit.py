"""A subscription with credit: the gateway never runs further ahead than its client allows."""

import asyncio
from typing import Any

from websockets.asyncio.client import ClientConnection

from tests.journeys.entrance import Caller, frame, opened, received
from tests.support.served import Served


async def subscribed(socket: ClientConnection, exec_id: str, **data: object) -> None:
    """A subscription whose reply was taken."""
    await socket.send(frame(f"{exec_id}/subscribe", data))
    while not (await received(socket))["method"].endswith("/subscribe"):
        continue


async def settled(socket: ClientConnection, exec_id: str) -> list[dict[str, Any]]:
    """The lines that a socket is told until a question that was asked now is answered."""
    found = []
    await socket.send(frame(f"{exec_id}/status", websocketTag="question"))
    while (message := await received(socket))["websocketTag"] != "question":
        if message["method"].endswith("/lines"):
            found += message["data"]["lines"]
    return found


async def test_no_line_beyond_the_credit(caller: Caller, served: Served) -> None:
    """Every line comes once and in order, and never more than ten are unacknowledged."""
    exec_id = caller.execute("seq 1 500")
    assert caller.finished(exec_id) == "Succeed"
    seen: list[int] = []
    ends = 0
    async with asyncio.timeout(60), opened(served) as socket:
        await subscribed(socket, exec_id, credit=10)
        acknowledged = 0
        while not ends:
            message = await received(socket)
            if message["method"].endswith("/eof"):
                ends += 1
            elif message["method"].endswith("/lines"):
                seen += [row["n"] for row in message["data"]["lines"]]
                assert seen[-1] - acknowledged <= 10
                # Not each message: sometimes a part of what is owed, sometimes all of it.
                acknowledged = seen[-1] - (seen[-1] % 3 if seen[-1] < 490 else 0)
                await socket.send(frame(f"{exec_id}/ack", {"line": acknowledged}))
    assert seen == list(range(1, 501))


async def test_without_an_acknowledgement_nothing_follows(caller: Caller, served: Served) -> None:
    """The run goes on and its log grows; the socket is told its ten lines and no more."""
    exec_id = caller.execute("seq 1 3000; sleep 1; seq 1 3000")
    async with asyncio.timeout(60), opened(served) as socket:
        await subscribed(socket, exec_id, credit=10)
        await asyncio.to_thread(caller.finished, exec_id)
        rows = await settled(socket, exec_id)
        assert [row["n"] for row in rows] == list(range(1, 11))
        assert await settled(socket, exec_id) == []
        await socket.send(frame(f"{exec_id}/ack", {"line": 4}))
        while not (message := await received(socket))["method"].endswith("/lines"):
            continue
        assert [row["n"] for row in message["data"]["lines"]] == list(range(11, 15))


async def test_the_end_needs_no_credit(caller: Caller, served: Served) -> None:
    """Who was sent all lines is told the end, whatever was acknowledged."""
    exec_id = caller.execute("seq 1 10")
    async with asyncio.timeout(60), opened(served) as socket:
        await subscribed(socket, exec_id, credit=10)
        while not (message := await received(socket))["method"].endswith("/eof"):
            continue
    assert message["data"]["last"] == 10


async def test_a_credit_of_bytes(caller: Caller, served: Served) -> None:
    """Long lines in parts are held back too, and go on part by part."""
    exec_id = caller.execute("head -c 300000 /dev/zero | tr '\\0' x; echo; echo last")
    data = b""
    async with asyncio.timeout(60), opened(served) as socket:
        await subscribed(socket, exec_id, creditBytes=70_000)
        while not (message := await received(socket))["method"].endswith("/eof"):
            if not message["method"].endswith("/lines"):
                continue
            rows = message["data"]["lines"]
            # At most one part beyond the bytes that are left.
            assert sum(len(row["text"]) for row in rows) <= 70_000 + 65_536
            for row in rows:
                data += row["text"].encode() + (b"" if row.get("more") else b"\n")
            ack = {"line": rows[-1]["n"]}
            if rows[-1].get("more"):
                ack["part"] = rows[-1]["part"]
            await socket.send(frame(f"{exec_id}/ack", ack))
    assert data == b"x" * 300_000 + b"\nlast\n"
