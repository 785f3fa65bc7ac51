"""The one websocket loop, spoken to by the real client and by people who are none."""

import asyncio
import base64
import json
import os
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from protocol.media import as_object, decode_msgpack, encode_msgpack
from tests.gateway.transport.raw import connected, exchanged, head, status_of
from tests.support.gateway import PASSWORD, Gateway, serving_gateway
from tests.support.waiting import wait_until

ENTRANCE = "/api/rest_j/v1/entrance"
LOGIN = "/api/rest_j/v1/user/login"


@pytest.fixture
async def ann(gateway: Gateway) -> AsyncIterator[ClientConnection]:
    """A user's websocket."""
    async with connect(
        f"{gateway.socket_url}?resume=false", additional_headers=gateway.headers()
    ) as socket:
        yield socket


def call(method: str, /, **data: object) -> str:
    """A message."""
    return json.dumps({"method": method, "data": data, "websocketTag": "tag"})


def script(code: str, **more: object) -> str:
    """A message that asks for a script to be run."""
    words = {"executeApplicationName": "shell", "runType": "shell", "executionCode": code}
    return call(f"{ENTRANCE}/execute", **words, **more)


async def received(socket: ClientConnection, ending: str) -> dict[str, Any]:
    """The data of the next message whose method ends so."""
    async with asyncio.timeout(15):
        while True:
            message = json.loads(await socket.recv())
            if message["method"].endswith(ending):
                return {**message["data"], "replied": message["status"]}


async def closed(socket: ClientConnection) -> int:
    """The code with which the gateway closes a websocket."""
    async with asyncio.timeout(15):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 1006


def upgrade(*fields: str, key: bool = True, version: str = "13", host: str = "127.0.0.1") -> bytes:
    """The head of a handshake, as good or bad as is asked for."""
    lines = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Version: {version}"]
    if key:
        lines.append(f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}")
    return head("GET", "/ws", *lines, *fields, host=host)


async def test_a_task_is_told_from_its_acceptance_to_its_end(ann: ClientConnection) -> None:
    """After execute, status, log and progress come to the same socket until the end."""
    await ann.send(script("echo hello; exit 3"))
    accepted = await received(ann, "/execute")
    log = ""
    while "hello" not in log:
        log = (await received(ann, "/log"))["log"][3]
    status: dict[str, Any] = {}
    while status.get("status") != "Failed":
        status = await received(ann, "/status")
    assert status["execID"] == accepted["execID"]
    assert status["websocketTag"] == "tag"


async def test_every_line_once_and_one_end(ann: ClientConnection) -> None:
    """A subscription tells all lines in order, on both streams, and then exactly one end."""
    await ann.send(script("seq 3000; seq 3001 6000 >&2", push=False))
    exec_id = (await received(ann, "/execute"))["execID"]
    await ann.send(call(f"{ENTRANCE}/{exec_id}/subscribe", fromLine=1))
    numbers: list[int] = []
    texts: set[str] = set()
    ends = 0
    async with asyncio.timeout(20):
        while not ends:
            message = json.loads(await ann.recv())
            if message["method"].endswith("/lines"):
                numbers += [line["n"] for line in message["data"]["lines"]]
                texts |= {line["text"] for line in message["data"]["lines"]}
            ends += message["method"].endswith("/eof")
    assert numbers == list(range(1, 6001))
    assert texts == {str(number) for number in range(1, 6001)}
    # The task is final, so that whatever would come has come before the next answer.
    await ann.send(call("/api/rest_j/v1/user/userInfo"))
    async with asyncio.timeout(10):
        assert json.loads(await ann.recv())["method"].endswith("/userInfo")


async def test_msgpack_is_answered_in_msgpack(ann: ClientConnection) -> None:
    """A call in a binary frame is answered in one."""
    await ann.send(encode_msgpack({"method": "/api/rest_j/v1/user/userInfo", "data": {}}))
    async with asyncio.timeout(10):
        reply = await ann.recv()
    assert isinstance(reply, bytes)
    message = as_object(decode_msgpack(reply))
    assert as_object(message["data"])["userName"] == "ann"


async def test_twenty_tasks_on_one_socket(ann: ClientConnection) -> None:
    """Pushes of many tasks at once carry the right ids, and all of them end."""
    for number in range(20):
        await ann.send(
            json.dumps(
                {
                    "method": f"{ENTRANCE}/execute",
                    "websocketTag": f"tag{number}",
                    "data": {
                        "executeApplicationName": "shell",
                        "runType": "shell",
                        "executionCode": f"echo output-{number}",
                    },
                }
            )
        )
    tags: dict[str, str] = {}
    done: set[str] = set()
    async with asyncio.timeout(30):
        while len(done) < 20:
            message = json.loads(await ann.recv())
            data = message["data"]
            if message["method"].endswith("/execute"):
                tags[data["execID"]] = message["websocketTag"]
            if data["execID"] not in tags:
                continue  # an earlier test's task, of which this user had not been told all
            assert message["websocketTag"] == tags[data["execID"]]
            if message["method"].endswith("/log") and "output-" in data["log"][3]:
                assert f"output-{message['websocketTag'][3:]}\n" in data["log"][3]
            if data.get("status") == "Succeed":
                done.add(data["execID"])


async def test_a_message_before_login_is_refused(gateway: Gateway) -> None:
    """A stranger's call is an error, and logging in by message opens the door."""
    async with connect(gateway.socket_url) as socket:
        await socket.send(script("true"))
        assert (await received(socket, "/execute"))["replied"] == -1
        await socket.send(call(LOGIN, userName="ann", password=PASSWORD))
        assert (await received(socket, "/login"))["replied"] == 0
        await socket.send(script("true"))
        assert (await received(socket, "/execute"))["replied"] == 0


async def test_a_token_may_come_by_message(gateway: Gateway) -> None:
    """A bearer token in a login message logs in, and a bad one does not."""
    async with connect(gateway.socket_url) as socket:
        await socket.send(call(LOGIN, token="a.b.c"))  # noqa: S106 - refused
        assert (await received(socket, "/login"))["replied"] != 0
        await socket.send(call(LOGIN, token=gateway.token("bob")))
        assert (await received(socket, "/login"))["replied"] == 0
        await socket.send(call("/api/rest_j/v1/user/userInfo"))
        assert (await received(socket, "/userInfo"))["userName"] == "bob"


async def test_a_socket_never_changes_its_user(gateway: Gateway, ann: ClientConnection) -> None:
    """Another user's token on a socket is refused and changes nothing."""
    await ann.send(call(LOGIN, token=gateway.token("bob")))
    assert (await received(ann, "/login"))["replied"] != 0
    await ann.send(call("/api/rest_j/v1/user/userInfo"))
    assert (await received(ann, "/userInfo"))["userName"] == "ann"


async def test_a_password_does_not_change_the_user_of_a_socket(
    gateway: Gateway, ann: ClientConnection
) -> None:
    """Another user's password is refused, rather than told to be a login that it is not."""
    await ann.send(call(LOGIN, userName="bob", password=PASSWORD))
    assert (await received(ann, "/login"))["replied"] == 3
    await ann.send(script("echo ${user}"))
    exec_id = (await received(ann, "/execute"))["execID"]
    with gateway.client("ann") as client:
        row = client.get(f"/api/rest_j/v1/jobhistory/{exec_id}/get").json()["data"]["task"]
    assert row["executionCode"] == "echo ann"


async def test_a_stranger_who_says_nothing_is_sent_away(gateway: Gateway) -> None:
    """A socket without a login is closed within its few seconds."""
    async with connect(gateway.socket_url) as socket:
        assert await closed(socket) == 1008


async def test_a_stranger_who_says_too_much_is_sent_away(gateway: Gateway) -> None:
    """Before a login, messages are few and small."""
    async with connect(gateway.socket_url) as socket:
        await socket.send("x" * 9000)
        assert await closed(socket) == 1008


async def test_the_end_of_a_ticket_ends_the_socket(gateway: Gateway) -> None:
    """When its token runs out, a socket is closed."""
    headers = {"Authorization": f"Bearer {gateway.token(seconds=2)}"}
    async with connect(gateway.socket_url, additional_headers=headers) as socket:
        assert await closed(socket) == 1008


async def test_a_logout_ends_other_sockets_of_the_ticket(gateway: Gateway) -> None:
    """A revoked token's sockets are closed within five seconds."""
    headers = {"Authorization": f"Bearer {gateway.token()}"}
    async with (
        connect(gateway.socket_url, additional_headers=headers) as first,
        connect(gateway.socket_url, additional_headers=headers) as second,
    ):
        await first.send(call("/api/rest_j/v1/user/logout"))
        async with asyncio.timeout(6):
            assert await closed(second) == 1008


@pytest.mark.parametrize(
    "frame",
    ["not json", "[]", "3", '{"method": NaN}', '{"method": "\\ud800"}', "[" * 50_000, b"\xc1"],
    ids=lambda frame: repr(frame)[:20],
)
async def test_a_bad_message_is_an_error_and_no_end(
    ann: ClientConnection, frame: str | bytes
) -> None:
    """What is no call is answered with an error, and the socket goes on."""
    await ann.send(frame)
    async with asyncio.timeout(10):
        await ann.recv()
    await ann.send(call("/api/rest_j/v1/user/userInfo"))
    assert (await received(ann, "/userInfo"))["replied"] == 0


@pytest.mark.parametrize(
    ("opcode", "data"),
    [(Opcode.TEXT, b"\xff\xfe"), (Opcode.TEXT, b"abc\xc3"), (Opcode.TEXT, b"\xed\xa0\x80")],
    ids=str,
)
async def test_invalid_text_is_1007_at_once(
    ann: ClientConnection, opcode: Opcode, data: bytes
) -> None:
    """Text that is not UTF-8 closes with 1007 and does not hang."""
    ann.transport.write(Frame(opcode, data).serialize(mask=True))
    async with asyncio.timeout(2):
        assert await closed(ann) == 1007


async def test_invalid_text_in_fragments_is_1007(ann: ClientConnection) -> None:
    """A character may be cut by a frame's border, but not by the message's."""
    ann.transport.write(Frame(Opcode.TEXT, b'"\xc3', fin=False).serialize(mask=True))
    ann.transport.write(Frame(Opcode.CONT, b'\xa4"', fin=True).serialize(mask=True))
    async with asyncio.timeout(5):
        assert isinstance(await ann.recv(), str)
    ann.transport.write(Frame(Opcode.TEXT, b"\xc3", fin=False).serialize(mask=True))
    ann.transport.write(Frame(Opcode.CONT, b"\xc3", fin=True).serialize(mask=True))
    async with asyncio.timeout(2):
        assert await closed(ann) == 1007


async def test_a_large_message_is_1009(ann: ClientConnection) -> None:
    """A message over the limit closes with 1009, in one frame or in many."""
    await ann.send("x" * ((1 << 20) + 1))
    assert await closed(ann) == 1009


async def test_a_large_announcement_is_1009(ann: ClientConnection) -> None:
    """A huge announced length is refused before anything of it came."""
    ann.transport.write(b"\x81\xff" + struct.pack("!Q", 1 << 40) + b"mask" + b"x" * 10)
    assert await closed(ann) == 1009


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\x05hello",
        b"\xc1\x80mask",
        b"\x83\x80mask",
        b"\x80\x80mask",
        b"\x09\x80mask",
        b"\x89\xfe\x00\x7emask" + b"x" * 126,
        b"\x88\x81maskx",
    ],
    ids=["unmasked", "reserved bit", "opcode", "stray", "cut ping", "long ping", "short close"],
)
async def test_a_broken_frame_is_1002(ann: ClientConnection, data: bytes) -> None:
    """What breaks the protocol of frames closes with 1002."""
    ann.transport.write(data)
    assert await closed(ann) == 1002


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1.evil.example", "https://127.0.0.1"],
)
async def test_a_foreign_page_opens_no_socket(gateway: Gateway, origin: str) -> None:
    """A handshake from a page of another site is refused with any credential."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(
            gateway.socket_url, additional_headers={**gateway.headers(), "Origin": origin}
        )
    assert refused.value.response.status_code == 403


async def test_our_own_page_opens_one(gateway: Gateway) -> None:
    """A handshake from our own origin is accepted, with a cookie as well."""
    cookie = f"linkis_user_session_ticket_id_v1={gateway.token()}"
    headers = {"Origin": gateway.url, "Cookie": cookie}
    async with connect(gateway.socket_url, additional_headers=headers) as socket:
        await socket.send(call("/api/rest_j/v1/user/userInfo"))
        assert (await received(socket, "/userInfo"))["userName"] == "ann"


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (upgrade("Authorization: Bearer a.b.c"), 401),
        (upgrade("Cookie: linkis_user_session_ticket_id_v1=x"), 403),
        (upgrade(host="evil.example"), 400),
        (upgrade(key=False), 400),
        (upgrade(version="7"), 400),
        (upgrade("X: a\x00b"), 400),
        (upgrade("Content-Encoding: gzip"), 404),
        (upgrade().replace(b"GET /ws", b"GET /nowhere"), 404),
        (upgrade().replace(b"GET /ws", b"POST /ws"), 404),
    ],
    ids=["token", "cookie", "host", "key", "version", "nul", "encoding", "path", "method"],
)
def test_a_bad_handshake_is_refused_in_http(
    gateway: Gateway, request_head: bytes, status: int
) -> None:
    """Whatever is wrong with a handshake, the answer is an HTTP error with a body."""
    answer = exchanged(gateway.url, request_head)
    assert status_of(answer) == status or 400 <= status_of(answer) < 500
    assert isinstance(json.loads(answer.partition(b"\r\n\r\n")[2]), dict)


def test_nothing_is_compressed(gateway: Gateway) -> None:
    """Compression that is offered is not taken."""
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    answer = exchanged(gateway.url, upgrade(offer))
    assert status_of(answer) == 101
    assert b"sec-websocket-extensions" not in answer.lower()


async def test_every_upgrade_is_answered_without_delay(gateway: Gateway) -> None:
    """A frame that comes together with the handshake is not lost."""
    authorization = f"Authorization: Bearer {gateway.token()}"
    frame = Frame(Opcode.TEXT, call("/api/rest_j/v1/user/userInfo").encode()).serialize(mask=True)
    with closing(connected(gateway.url)) as connection:
        connection.sendall(upgrade(authorization) + frame)
        answer = b""
        while b"userName" not in answer:
            more = connection.recv(65_536)
            assert more, answer
            answer += more


@pytest.fixture
def hasty_gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that has short deadlines."""
    limits = {
        "NARTHEX_LIMITS_SEND_SECONDS": "1.0",
        "NARTHEX_LIMITS_MESSAGES_PER_SECOND": "1",
        "NARTHEX_LIMITS_MESSAGE_BURST": "20",
    }
    with serving_gateway(tmp_path / "data", **limits) as found:
        yield found


async def test_a_flood_of_messages_is_1008(hasty_gateway: Gateway) -> None:
    """More messages than are allowed at once end the conversation."""
    headers = hasty_gateway.headers()
    async with connect(hasty_gateway.socket_url, additional_headers=headers) as socket:
        for _ in range(40):
            await socket.send(call("/api/rest_j/v1/user/heartbeat"))
        assert await closed(socket) == 1008


def open_sockets(client: httpx.Client) -> float:
    """How many websockets a gateway counts."""
    for line in client.get("/metrics").text.splitlines():
        if line.startswith("narthex_websockets "):
            return float(line.split()[1])
    return -1


async def test_a_reader_that_takes_nothing_is_cut_off(hasty_gateway: Gateway) -> None:
    """A client that never reads is gone after the deadline, and its task runs on."""
    authorization = f"Authorization: Bearer {hasty_gateway.token()}"
    code = script("yes a-line-of-some-length | head -2000000; sleep 30")
    with hasty_gateway.client() as client, closing(connected(hasty_gateway.url)) as connection:
        connection.sendall(upgrade(authorization))
        connection.recv(65_536)
        connection.sendall(Frame(Opcode.TEXT, code.encode()).serialize(mask=True))
        await wait_until(lambda: open_sockets(client) == 1, "the socket to be open")
        await wait_until(lambda: open_sockets(client) == 0, "the reader to be cut off", 20)
        found = client.get(f"{ENTRANCE}/1/status").json()["data"]
        assert found["status"] == "Running"
        client.post(f"{ENTRANCE}/1/kill")


async def test_a_restart_is_told_as_such(own_gateway: Gateway) -> None:
    """A gateway that ends closes its websockets with 1012, so that clients come back."""
    headers = own_gateway.headers()
    async with connect(own_gateway.socket_url, additional_headers=headers) as socket:
        own_gateway.served.process.terminate()
        assert await closed(socket) == 1012
