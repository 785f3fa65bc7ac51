"""S58: a user who is at every limit, and goes on asking, leaves everybody else alone."""

import json
import select
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.journeys.entrance import shell
from tests.support.gateway import Gateway, serving_gateway
from tests.support.waiting import wait_until_sync

API = "/api/rest_j/v1"
FEW = 3
LONG_SECONDS = 0.25
"""Below this a median is short on any machine, whatever it was before."""


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway on which each user may have three of everything."""
    names = ("SOCKETS_PER_USER", "QUEUED_PER_USER", "BODIES_PER_USER", "SUBSCRIPTIONS")
    limits = {f"NARTHEX_LIMITS_{name}": str(FEW) for name in names}
    slots = {"NARTHEX_RUNNER_RUNNING_PER_USER": "1", "NARTHEX_RUNNER_RUNNING_TOTAL": "2"}
    with serving_gateway(tmp_path / "data", **limits, **slots) as found:
        yield found


@contextmanager
def unfinished(gateway: Gateway) -> Iterator[socket.socket]:
    """A request of ann's whose body never ends."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    head = (
        f"POST {API}/entrance/execute HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: Bearer {gateway.token('ann')}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    with closing(socket.create_connection((host, int(port)), timeout=20)) as line:
        line.sendall(head.encode())
        yield line


def at_every_limit(gateway: Gateway, stack: ExitStack) -> None:
    """Takes all that ann may have, until each of them is refused her."""
    ann = stack.enter_context(gateway.client("ann"))
    held = [connect(gateway.socket_url, additional_headers=gateway.headers()) for _ in range(FEW)]
    for one in held:
        stack.enter_context(one)
    with pytest.raises(InvalidStatus) as refused:
        connect(gateway.socket_url, additional_headers=gateway.headers())
    assert refused.value.response.status_code == 429
    wait_until_sync(lambda: not submitted(ann, "sleep 300"), "the queue of ann to be full", 30)

    slow = [stack.enter_context(unfinished(gateway)) for _ in range(FEW + 1)]
    (refusing,), _, _ = select.select(slow, [], [], 20)
    reply = refusing.recv(4096)
    assert reply.startswith(b"HTTP/1.1 429 "), reply
    assert b"at the same time" in reply
    for one in held:
        one.send("{}" * 10)


def submitted(http: httpx.Client, code: str) -> str:
    """The id of a task; empty if it was refused."""
    reply = http.post(f"{API}/entrance/execute", json=shell(code))
    return str(reply.json()["data"]["execID"]) if reply.is_success else ""


def median_seconds(http: httpx.Client) -> float:
    """What a request takes."""
    took = []
    for _ in range(40):
        began = time.monotonic()
        assert http.get(f"{API}/user/userInfo").is_success
        took.append(time.monotonic() - began)
    return statistics.median(took)


def test_one_user_at_all_limits_leaves_others_alone(narrow: Gateway) -> None:
    """Another's requests take about as long as before, and whatever they may have they get."""
    with narrow.client("bob") as bob, ExitStack() as stack:
        before = median_seconds(bob)
        at_every_limit(narrow, stack)
        assert median_seconds(bob) < max(2 * before, LONG_SECONDS)
        with connect(narrow.socket_url, additional_headers=narrow.headers("bob")) as opened:
            task = submitted(bob, "echo hello")
            assert task
            opened.send(json.dumps({"method": f"{API}/entrance/{task}/status"}))
            assert json.loads(opened.recv(timeout=20))["status"] == 0
            wait_until_sync(
                lambda: "Succeed" in bob.get(f"{API}/entrance/{task}/status").text,
                "a task of bob's to run beside those of ann",
                30,
            )
