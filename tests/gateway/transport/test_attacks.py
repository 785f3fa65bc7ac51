"""What strangers and users may send at most, on both transports, and how more is refused."""

import asyncio
import json
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from tests.gateway.transport.raw import connected, exchanged, head, status_of
from tests.support.gateway import PASSWORD, Gateway, serving_gateway

API = "/api/rest_j/v1"
LOGIN = f"{API}/user/login"
UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
PONG = b"\x8a\x80\0\0\0\0"


@pytest.mark.parametrize("route", [LOGIN, f"{API}/user/logout"])
def test_a_stranger_sends_a_few_kilobytes(gateway: Gateway, route: str) -> None:
    """Row D3: a longer body of an open route is refused before it is read, and the line is cut."""
    fields = ("Content-Type: application/json", "Content-Length: 4194304")
    with closing(connected(gateway.url)) as line:
        line.sendall(head("POST", route, *fields) + b"[" * 100)
        answer = b""
        while data := line.recv(65_536):
            answer += data
    assert status_of(answer) in {412, 413, 431}
    assert b"8192 bytes" in answer


def test_bodies_that_never_end_are_bounded(gateway: Gateway) -> None:
    """Row D3: of one address so many are waited for, and the next is told when to come back."""
    fields = ("Content-Type: application/json", "Content-Length: 100")
    with ExitStack() as stack:
        lines = [stack.enter_context(closing(connected(gateway.url))) for _ in range(16)]
        for line in lines:
            line.sendall(head("POST", LOGIN, *fields) + b" ")
        # The first to be told so is the seventeenth at the latest, once the others wait.
        answer = b""
        for _ in range(50):
            late = stack.enter_context(closing(connected(gateway.url)))
            late.sendall(head("POST", LOGIN, *fields) + b" ")
            answer = late.recv(65_536)
            if b"retry-after" in answer.lower():
                break
        assert b"at the same time" in answer
        # What is sent whole waits for nobody's turn.
        answer = exchanged(gateway.url, head("POST", LOGIN, *fields) + b"{}" + b" " * 98)
        assert b"at the same time" not in answer
        assert httpx.get(f"{gateway.url}{API}/user/userInfo", headers=gateway.headers()).is_success


def frames_until_closed(line: socket.socket, data: bytes) -> bytes:
    """Sends again and again until the gateway has enough; what it says meanwhile."""
    line.settimeout(0.0)
    answer = b""
    for _ in range(20_000):
        try:
            answer += line.recv(65_536)
        except BlockingIOError:
            pass
        except ConnectionError:
            break
        try:
            line.send(data)
        except BlockingIOError:
            # The gateway waits a few seconds itself for the peer to take its last word.
            line.settimeout(30.0)
            try:
                more = line.recv(65_536)
            except ConnectionError:
                break
            answer += more
            if not more:
                break
            line.settimeout(0.0)
        except ConnectionError:
            break
    return answer


@pytest.mark.parametrize("user", ["", "ann"])
@pytest.mark.parametrize(
    "frame",
    [PONG, b"\x89\x80\0\0\0\0", b"\x81\x80\0\0\0\0", b"\0\x80\0\0\0\0"],
    ids=["pong", "ping", "empty text", "empty parts"],
)
def test_a_flood_of_frames_ends_the_socket(gateway: Gateway, user: str, frame: bytes) -> None:
    """Row D4: frames of every kind are counted, of strangers and of users."""
    more = (f"Authorization: Bearer {gateway.token(user)}",) if user else ()
    answer = b""
    for _ in range(3):  # what was not read before the end is lost with the connection
        with closing(connected(gateway.url)) as line:
            line.sendall(head("GET", "/ws", *UPGRADE, *more))
            assert status_of(line.recv(65_536)) == 101
            if frame[0] == 0:
                line.sendall(b"\x01\x80\0\0\0\0")
            answer += frames_until_closed(line, frame * 1000)
        if struct.pack("!H", 1008) in answer:
            break
    assert struct.pack("!H", 1008) in answer


@pytest.fixture
def few(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway on which a user may have two websockets, and strangers of an address three."""
    with serving_gateway(
        tmp_path / "data",
        NARTHEX_LIMITS_SOCKETS_PER_USER="2",
        NARTHEX_LIMITS_SOCKETS_PER_ADDRESS="3",
    ) as found:
        yield found


async def test_a_socket_that_logs_in_counts_for_its_user(few: Gateway) -> None:
    """Row D7: however it logged in, a user has so many; one too many is closed with the reason."""
    gateway = few
    login = json.dumps(
        {"method": LOGIN, "data": {"userName": "ann", "password": PASSWORD}, "websocketTag": ""}
    )
    async with (
        connect(gateway.socket_url, additional_headers=gateway.headers()),
        connect(gateway.socket_url) as second,
        connect(gateway.socket_url) as third,
    ):
        await second.send(login)
        assert json.loads(await second.recv())["status"] == 0
        await third.send(login)
        code, reason = await closing_of(third)
        assert (code, "open already" in reason) == (1013, True)
        refused = await handshake_refusal(gateway.socket_url, gateway.headers())
        assert refused.status_code == 429, "row C3"
        assert int(refused.headers["Retry-After"]) >= 1
        assert b"2 websockets open already" in (refused.body or b"")


async def test_strangers_sockets_count_for_their_address(few: Gateway) -> None:
    """Rows C3 and D7: the handshake of one too many is answered 429, with when to come back."""
    async with connect(few.socket_url), connect(few.socket_url), connect(few.socket_url):
        refused = await handshake_refusal(few.socket_url, {})
        assert refused.status_code == 429
        assert "Retry-After" in refused.headers
        async with connect(few.socket_url, additional_headers=few.headers()):
            pass


async def closing_of(socket: ClientConnection) -> tuple[int, str]:
    """With which code and reason the gateway closes a websocket."""
    async with asyncio.timeout(15):
        await socket.wait_closed()
    return socket.close_code or 0, socket.close_reason or ""


async def handshake_refusal(url: str, headers: dict[str, str]) -> Response:
    """The answer to a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers=headers)
    return refused.value.response


def test_very_many_values_are_refused(gateway: Gateway) -> None:
    """Row D5: a body of 4 MiB of lists is refused by its width, and not made into lists first."""
    body = b"[" + b"[]," * 1_390_000 + b"[]]"
    with gateway.client() as http:
        reply = http.post(
            f"{API}/entrance/execute", content=body, headers={"Content-Type": "application/json"}
        )
    assert reply.status_code in {412, 413}
    assert "100000 values" in reply.text
