"""A client that is refused while it still sends gets to read why, and gains nothing else by it."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.transport.lingering import STRANGERS_BYTES
from tests.gateway.transport.raw import connected, head, status_of
from tests.support.gateway import Gateway, serving_gateway
from tests.support.waiting import wait_until_sync

LINKIS = "/api/rest_j/v1/entrance/execute"
ROUTES = [
    LINKIS,
    "/api/job/run",
    "/oarapi/jobs.json",
    "/rest-server/api/v2/jobs",
    "/rest-server/api/v1/authn/basic/login",
    "/api/auth",
    "/nothing/is/here",
]
"""Of every dialect something that takes a body, and what no dialect knows."""
JSON = {"Content-Type": "application/json"}
LONG = 12 << 20
"""More than fits into the buffers between a client and the gateway."""
_SECONDS = 1
"""How long the hurried gateway waits for a head or a body."""


def asked(url: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """What a client reads that sends all of its request before it looks for the answer."""
    place = urlsplit(url)
    with closing(http.client.HTTPConnection(place.hostname or "", place.port, 30)) as connection:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("user", ["ann", ""])
def test_a_refused_client_that_still_sends_reads_why(
    gateway: Gateway, path: str, user: str
) -> None:
    """Whoever sends twelve megabytes where fewer are taken is answered, and not cut off."""
    headers = JSON | (gateway.headers(user) if user else {})
    status, answer = asked(gateway.url, path, b"[" + b" " * LONG, headers)
    assert 400 <= status < 500
    assert answer


def test_a_body_of_unknown_length_is_read_on_as_well(gateway: Gateway) -> None:
    """Chunks that come after the refusal do not cost the client its answer."""
    place = urlsplit(gateway.url)
    pieces = (b" " * 65_536 for _ in range(LONG // 65_536))
    with closing(http.client.HTTPConnection(place.hostname or "", place.port, 30)) as connection:
        connection.request("POST", LINKIS, pieces, JSON, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == 401
        assert json.loads(answer.read())


def test_a_head_that_is_too_long_is_answered(gateway: Gateway) -> None:
    """So is one that is refused while most of it is still to come."""
    field = "x-long: " + "y" * 1000
    with closing(connected(gateway.url)) as line:
        line.sendall(head("GET", "/", *[field] * 8000))
        assert status_of(_read(line)) in {412, 413, 431}


def test_a_short_rest_does_not_cost_the_connection(gateway: Gateway) -> None:
    """After a refusal in place of a short body the next request is answered on the same line."""
    body = b"[" + b" " * 9_999
    field = f"Content-Length: {len(body)}"
    with closing(connected(gateway.url)) as line:
        for _ in range(3):
            line.sendall(head("POST", LINKIS, "Content-Type: application/json", field) + body)
            assert status_of(line.recv(65_536)) == 401


def test_a_refused_body_is_not_asked_for(gateway: Gateway) -> None:
    """Who asks before sending is told no, not to go on, and that the connection ends."""
    fields = ("Content-Type: application/json", "Content-Length: 100000", "Expect: 100-continue")
    with closing(connected(gateway.url)) as line:
        line.sendall(head("POST", LINKIS, *fields))
        answer = _read(line)
    assert status_of(answer) == 401
    assert b"connection: close" in answer.lower()


def _read(line: socket.socket) -> bytes:
    """What comes until the other side has closed."""
    answer = b""
    while data := line.recv(65_536):
        answer += data
    return answer


def _refused(stack: ExitStack, gateway: Gateway) -> socket.socket:
    """A stranger's connection that has read its refusal, and whose body has hardly begun."""
    line = stack.enter_context(closing(connected(gateway.url)))
    line.sendall(
        head("POST", LINKIS, "Content-Type: application/json", f"Content-Length: {1 << 40}")
    )
    assert status_of(_read(line)) == 401
    return line


def _taken(line: socket.socket, most: int) -> int:
    """How many bytes can be sent until the connection is cut, or that many."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < most:
            sent += line.send(b" " * 65_536)
    return sent


def test_a_stranger_cannot_send_for_ever(gateway: Gateway) -> None:
    """What is thrown away is bounded, whatever length was announced."""
    with ExitStack() as stack:
        most = 4 * STRANGERS_BYTES
        assert STRANGERS_BYTES // 2 < _taken(_refused(stack, gateway), most) < most


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that waits a second, for two bodies of one client at a time."""
    with serving_gateway(
        tmp_path / "data",
        NARTHEX_SERVER_HEADER_SECONDS=str(_SECONDS),
        NARTHEX_SERVER_CONNECTIONS_PER_ADDRESS="6",
        NARTHEX_LIMITS_BODIES_PER_USER="2",
    ) as found:
        yield found


def _cut(line: socket.socket) -> bool:
    """Whether the other side takes nothing any more."""
    try:
        line.send(b" ")
    except ConnectionError:
        return True
    return False


def test_a_stranger_holds_no_connection(hurried: Gateway) -> None:
    """By trickling a body nobody wants a line is kept for a moment, two lines at a time."""
    with ExitStack() as stack:
        began = time.monotonic()
        held = [_refused(stack, hurried) for _ in range(2)]
        late = _refused(stack, hurried)
        wait_until_sync(lambda: _cut(late), "one too many is cut at once", 5)
        wait_until_sync(lambda: all(map(_cut, held)), "the others are cut", 10)
        assert time.monotonic() - began < _SECONDS + 3
        # What they held is given back.
        again = [_refused(stack, hurried) for _ in range(2)]
        assert _taken(again[0], 1 << 20) == _taken(again[1], 1 << 20) == 1 << 20


def test_lingering_connections_are_the_first_to_go(hurried: Gateway) -> None:
    """They keep nobody else of their address out."""
    with ExitStack() as stack:
        for _ in range(20):
            _refused(stack, hurried)
        status, _ = asked(hurried.url, LINKIS, b"{}", JSON)
        assert status == 401


def test_a_body_that_came_too_slowly_gains_no_more_time(hurried: Gateway) -> None:
    """Its client had its time: the connection ends with the reply."""
    with closing(connected(hurried.url)) as line:
        fields = ("Content-Type: application/json", "Content-Length: 1000")
        line.sendall(head("POST", "/api/rest_j/v1/user/login", *fields) + b"[")
        assert b"in time" in _read(line)
        wait_until_sync(lambda: _cut(line), "the connection is gone", 0.5)
