"""Many at once: the same submit, the same kill, connections that say nothing or too little."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.leak_check import sockets
from tests.faults.ledger import Expected, Ledger
from tests.faults.proxy import Rule, proxied
from tests.faults.retrying_client import RetryingClient, calling
from tests.faults.storm import complaints
from tests.journeys.entrance import frame, opened, received
from tests.support.served import Served, serving
from tests.support.waiting import wait_until, wait_until_sync

HEADER_SECONDS = 2.0
PING_SECONDS = 1.0
CROWD = 50


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that waits two seconds for a request and a second for a sign of life."""
    data = tmp_path_factory.mktemp("crowds") / "data"
    with serving(
        data,
        NARTHEX_LIMITS_PING_SECONDS=str(PING_SECONDS),
        NARTHEX_LIMITS_PONG_SECONDS=str(PING_SECONDS),
        NARTHEX_SERVER_HEADER_SECONDS=str(HEADER_SECONDS),
    ) as gateway:
        yield gateway
        assert not complaints(gateway)


async def test_one_request_id_is_one_run(strict: Served, tmp_path: Path) -> None:
    """Fifty submits of one request id at once are all given the same task, which runs once."""
    ledger = Ledger(0)
    effect = tmp_path / "effect"
    expected = Expected("crowd", ("hello",), 0, effect)
    async with RetryingClient(strict, ledger) as retrying:
        code = f"printf x >> {effect}; echo hello"
        async with asyncio.TaskGroup() as group:
            for _ in range(CROWD):
                group.create_task(retrying.submit(expected, code))
        (exec_id,) = set(ledger.answers["crowd"])
        await retrying.follow("crowd", exec_id)
    ledger.check()


async def test_one_kill_of_many(strict: Served, tmp_path: Path) -> None:
    """Fifty kills at once are all answered and have one effect."""
    ledger = Ledger(0)
    expected = Expected("victim", (), 0, tmp_path / "none", killed=True)
    async with RetryingClient(strict, ledger) as retrying:
        exec_id = await retrying.submit(expected, "echo ready; sleep 60")
        async with asyncio.TaskGroup() as group:
            for _ in range(CROWD):
                group.create_task(retrying.ask("POST", f"{exec_id}/kill"))
        assert await retrying.poll("victim", exec_id) == "Cancelled"
        data = await retrying.ask("GET", f"{exec_id}/status")
        assert data is not None
        assert data["status"] == "Cancelled"
    assert not ledger.errors
    ledger.check()


async def test_kills_in_the_same_breath_as_the_submit(strict: Served, tmp_path: Path) -> None:
    """A kill that races with the start ends each run as one, whether it began or not."""
    ledger = Ledger(0)
    async with RetryingClient(strict, ledger) as retrying:

        async def one(turn: int) -> None:
            name = f"breath-{turn}"
            expected = Expected(name, (), 0, tmp_path / name, killed=True)
            exec_id = await retrying.submit(expected, f"printf x >> {tmp_path / name}; sleep 60")
            await retrying.kill(name, exec_id)

        async with asyncio.TaskGroup() as group:
            for turn in range(20):
                group.create_task(one(turn))
    ledger.check()


async def test_an_end_is_told_once(strict: Served) -> None:
    """Subscribing and leaving around the end of a run gives at most one end each time."""
    for turn in range(10):
        with calling(strict) as caller:
            exec_id = await asyncio.to_thread(caller.execute, f"echo hi; sleep 0.0{turn}")
        async with asyncio.timeout(20), opened(strict) as peer:
            await peer.send(frame(f"{exec_id}/subscribe", {"fromLine": 1}))
            ends = 0
            while not ends:
                ends += (await received(peer))["method"].endswith("/eof")
            await peer.send(frame(f"{exec_id}/unsubscribe"))
            await peer.send(frame(f"{exec_id}/status"))
            verb = ""
            while verb != "status":
                verb = str((await received(peer))["method"]).rpartition("/")[2]
                ends += verb == "eof"
        assert ends == 1


def silent(gateway: Served, said: bytes) -> socket.socket:
    """A connection that says something and then no more."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    peer = socket.create_connection((host, int(port)), timeout=10)
    peer.sendall(said)
    return peer


def ended(peer: socket.socket) -> bool:
    """Whether the gateway has closed a connection."""
    peer.settimeout(0)
    try:
        while peer.recv(65536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTT", b"GET /healthz HTTP/1.1\r\nHost: lo"])
def test_connections_that_do_not_ask_are_closed(strict: Served, said: bytes) -> None:
    """Two hundred connections without a whole request are closed in time, others are served."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(silent(strict, said)) for _ in range(200)]
        caller = stack.enter_context(calling(strict))
        assert caller.http.get(f"{strict.url}/healthz").status_code == 200
        wait_until_sync(lambda: all(map(ended, peers)), "all to be closed", HEADER_SECONDS + 5)
    assert time.monotonic() - began < HEADER_SECONDS + 5


async def test_a_peer_that_vanished_is_noticed(strict: Served) -> None:
    """A websocket whose other side is silently gone is given up after a ping and its answer."""
    host, _, port = strict.url.removeprefix("http://").partition(":")
    with proxied((host, int(port))) as proxy:
        through = Served(
            f"http://127.0.0.1:{proxy.port}", strict.token, strict.data, strict.process
        )
        async with opened(through) as peer:
            await peer.send(frame("heartbeat"))
            open_before = sockets(strict)
            proxy.up = proxy.down = Rule(drop=True)
            await wait_until(lambda: sockets(strict) < open_before, "the socket to be given up", 8)
