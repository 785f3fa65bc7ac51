"""Sockets used as nobody should: pings and fragments without end, too many subscriptions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.faults.pace import pause
from tests.faults.retrying_client import calling
from tests.faults.storm import complaints
from tests.journeys.entrance import frame
from tests.support.served import Served, serving

PINGS = 20_000
PIECE = bytes(64)
MOST = 1 << 15


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that follows three tasks on a socket and takes messages of 32 KiB."""
    few = {"NARTHEX_LIMITS_SUBSCRIPTIONS": "3", "NARTHEX_LIMITS_MESSAGE_BYTES": str(MOST)}
    with serving(tmp_path_factory.mktemp("frames") / "data", **few) as found:
        yield found
        assert not complaints(found)


async def test_a_flood_of_pings_hurts_nobody(gateway: Served) -> None:
    """Whoever floods with pings and pongs is answered or cut off, and everybody else is served."""
    async with connect(gateway.socket_url, additional_headers=gateway.headers) as socket:
        flood = b"".join(
            Frame(opcode, b"flood").serialize(mask=True) for opcode in (Opcode.PING, Opcode.PONG)
        )
        with suppress(ConnectionClosed, ConnectionError):
            for _ in range(PINGS // 100):
                socket.transport.write(flood * 50)
                await pause(0)
    with calling(gateway) as caller:
        assert caller.finished(caller.execute("echo well")) == "Succeed"


async def test_a_message_in_endless_fragments_is_refused(gateway: Served) -> None:
    """The limit of a message counts over all its fragments: 1009."""
    async with connect(gateway.socket_url, additional_headers=gateway.headers) as socket:
        begin = Frame(Opcode.TEXT, PIECE, fin=False).serialize(mask=True)
        more = Frame(Opcode.CONT, PIECE, fin=False).serialize(mask=True)
        socket.transport.write(begin + more * (MOST // len(PIECE) + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_more_subscriptions_than_may_be_are_refused(gateway: Served, tmp_path: Path) -> None:
    """What is too much gets an error; the socket, the runs and all others go on."""
    go = tmp_path / "go"
    with calling(gateway) as caller:
        code = f"echo one; until [ -e {go} ]; do sleep 0.05; done; echo two"
        runs = [caller.execute(code) for _ in range(4)]
        refused = 0
        async with connect(gateway.socket_url, additional_headers=gateway.headers) as socket:
            for run in runs:
                await socket.send(frame(f"{run}/subscribe", {"fromLine": 1, "format": "lines"}))
            while not refused:
                refused += "at most 3 tasks" in json.loads(await socket.recv())["message"]
            go.touch()
            await socket.send(frame(f"{runs[3]}/unsubscribe"))
            while not str(json.loads(await socket.recv())["method"]).endswith("/unsubscribe"):
                continue
        for run in runs:
            assert caller.finished(run) == "Succeed"
            assert [line["text"] for line in caller.lines(run)] == ["one", "two"]
