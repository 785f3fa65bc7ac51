"""Readers that are slow or have stopped lose nothing they are owed and hold up nobody."""

from __future__ import annotations

import asyncio
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from tests.faults.leak_check import sockets
from tests.faults.ledger import Expected, Ledger
from tests.faults.proxy import Rule, proxied
from tests.faults.retrying_client import RetryingClient
from tests.journeys.entrance import frame
from tests.support.served import Served, serving
from tests.support.waiting import wait_until

SEND_SECONDS = 2.0
LINES = 60_000
STOPPED = 5
CODE = f"exec {shlex.quote(sys.executable)} -I -S -c " + shlex.quote(
    f"import sys\nfor i in range({LINES}):\n    sys.stdout.write('%07d %s\\n' % (i, 'x' * 90))"
)


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Served]:
    """A gateway that gives a reader which takes nothing two seconds."""
    with serving(tmp_path / "data", NARTHEX_LIMITS_SEND_SECONDS=str(SEND_SECONDS)) as gateway:
        yield gateway


def stopped(gateway: Served, exec_id: str) -> socket.socket:
    """A websocket that subscribes and then never reads again."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.settimeout(10)
    peer.connect((host, int(port)))
    protocol = ClientProtocol(parse_uri(gateway.socket_url))
    request = protocol.connect()
    request.headers.update(gateway.headers)
    protocol.send_request(request)
    peer.sendall(b"".join(protocol.data_to_send()))
    while protocol.state.name == "CONNECTING":
        protocol.receive_data(peer.recv(256))
    assert protocol.handshake_exc is None
    protocol.send_text(frame(f"{exec_id}/subscribe", {"fromLine": 1}).encode())
    peer.sendall(b"".join(protocol.data_to_send()))
    return peer


async def test_stopped_readers_are_dropped_and_slow_ones_lose_nothing(
    impatient: Served, tmp_path: Path
) -> None:
    """Beside five that never read, a slow and three quick ones get every line of 6 MB."""
    ledger = Ledger(0)
    lines = tuple(f"{i:07d} {'x' * 90}" for i in range(LINES))
    expected = Expected("flood", lines, 0, tmp_path / "none", effects=0)
    host, _, port = impatient.url.removeprefix("http://").partition(":")
    with proxied((host, int(port))) as proxy, ExitStack() as still:
        proxy.down = Rule(bytes_per_second=3_000_000)
        async with (
            RetryingClient(impatient, ledger) as quick,
            RetryingClient(impatient, ledger, f"http://127.0.0.1:{proxy.port}") as slow,
        ):
            exec_id = await quick.submit(expected, CODE)
            quiet = sockets(impatient)
            for _ in range(STOPPED):
                still.enter_context(stopped(impatient, exec_id))
            assert sockets(impatient) >= quiet + STOPPED
            async with asyncio.TaskGroup() as group:
                group.create_task(slow.follow("flood", exec_id))
                group.create_task(quick.pages("flood", exec_id, 5_000))
                for _ in range(2):
                    group.create_task(quick.follow("flood", exec_id))
                group.create_task(quick.poll("flood", exec_id))
        # They hear nothing of it: what was sent before is still in their way.
        await wait_until(
            lambda: sockets(impatient) <= quiet, "the readers that stopped to be dropped", 20
        )
        assert proxy.connections == 1
    ledger.check()
