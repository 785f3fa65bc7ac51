"""Nothing that a client sends holds the loop: the longest stall while worst inputs are sent (S59).

A table of inputs a thousand times larger than usual goes to every route of both dialects, to the
websocket and to the upload forms. Meanwhile a monitor asks for the health of the gateway, which is
answered by the loop alone, again and again, and keeps the longest time that took.
"""

import asyncio
import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Self
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from protocol.dialects.job_manager import JobManagerDialect
from protocol.dialects.linkis import LinkisDialect
from tests.support.gateway import Gateway

STALL_SECONDS = 0.5
"""Far more than there is on a quiet machine, and far less than the seconds there once were."""

MIB = 1 << 20
EXECUTE = b'{"executeApplicationName":"spark","runType":"%s","executionCode":"%s"}'
BODIES: dict[str, bytes] = {
    "lists": b"[" + b"[]," * 1_390_000 + b"[]]",
    "depth": b"[" * 4_000_000,
    "depth in a field": b'{"params":' + b'{"a":' * 800_000,
    "keys": b"{" + b",".join(b'"k%d":0' % n for n in range(300_000)) + b"}",
    "equal keys": b"{" + b'"k":0,' * 600_000 + b'"k":0}',
    "text": b'{"a":"' + b"x" * 4_000_000 + b'"}',
    "escapes": b'{"a":"' + b"\\u0041" * 690_000 + b'"}',
    "quotes": b'{"a":"' + b'\\"' * 2_000_000 + b'"}',
    "blanks": b" " * 4_000_000 + b"{}",
    "commas": b"[" + b"," * 4_000_000,
    "no JSON": b"x" * 4_000_000,
    "a form": b"a=%41&" * 600_000,
    "statements": EXECUTE % (b"sql", b"select 1;" * 110_000),
    "comments": EXECUTE % (b"sql", b"/*" * 500_000),
    "directives": EXECUTE % (b"sql", b"--@set a=b\\n" * 80_000),
    "variables": EXECUTE % (b"sql", b"${run_date}" * 90_000),
    "a long variable": b'{"executeApplicationName":"spark","runType":"sql","executionCode":"'
    + b"${a}" * 1000
    + b'","params":{"variable":{"a":"'
    + b";" * 4000
    + b'"}}}',
    "dates": EXECUTE % (b"sql", b"&{yyyy}" * 100_000),
    "lines": EXECUTE % (b"python", b"\\n" * 1_000_000),
    "marks": EXECUTE % (b"sql", b"'" * 999_999),
}
FORMS: dict[str, bytes] = {
    "parts": b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n' * 80_000,
    "half boundaries": b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    + b"\r\n--" * MIB,
    "a header": b"--b\r\nX: " + b"a" * 4 * MIB,
    "headers": b"--b\r\n" + b"X: a\r\n" * 600_000,
    "parameters": b"--b\r\nContent-Disposition: form-data" + b'; a="b"' * 500_000 + b"\r\n\r\n",
}


class Monitor:
    """Asks for the gateway's health without a pause; ``longest`` is how long an answer took."""

    def __init__(self, url: str) -> None:
        self.longest = 0.0
        self.count = 0
        self._place = urlsplit(url)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(20)

    def _ask(self) -> None:
        host, port = self._place.hostname or "", self._place.port or 0
        request = f"GET /healthz HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
        with socket.create_connection((host, port), timeout=20) as line:
            while not self._over.wait(0.003):
                began = time.monotonic()
                line.sendall(request)
                assert line.recv(65_536).startswith(b"HTTP/1.1 200")
                self.longest = max(self.longest, time.monotonic() - began)
                self.count += 1


def posts() -> Iterator[tuple[str, bool]]:
    """The paths of all routes that take a body, and whether it is streamed."""
    seen = set()
    for dialect in (LinkisDialect({}), JobManagerDialect({})):
        for route in dialect.routes:
            name = route.template.rpartition("/")[2]
            if route.method in {"POST", "PUT"} and name not in seen:
                seen.add(name)
                yield route.template.replace("{id}", "1"), route.streams


def test_no_body_stalls_the_loop(gateway: Gateway) -> None:
    """S59, rows D2, D3 and D5: every route that takes a body, with every kind of long body."""
    paths = [path for path, streams in posts() if not streams]
    assert len(paths) > 10
    # Each body to some routes, each route with some bodies, and all of them to execute.
    pairs = list(zip(itertools.cycle(paths), [*BODIES] * 3, strict=False))
    pairs += [(path, name) for path in paths if path.endswith("/execute") for name in BODIES]
    with gateway.client() as http, Monitor(gateway.url) as monitor:
        for path, name in pairs:
            worst = monitor.longest
            headers = {"Content-Type": "application/json"}
            with contextlib.suppress(httpx.TransportError):
                reply = http.post(path, content=BODIES[name], headers=headers)
                assert reply.status_code != 500, (path, name)
            assert monitor.longest < STALL_SECONDS, f"{name} at {path}: {monitor.longest:.2f} s"
            del worst
    assert monitor.count > 20


def test_no_form_stalls_the_loop(gateway: Gateway) -> None:
    """S59: uploads with very many parts, headers, parameters, and boundaries that are none."""
    paths = [path for path, streams in posts() if streams]
    assert paths
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    with gateway.client() as http, Monitor(gateway.url) as monitor:
        for path, (name, form) in itertools.product(paths, FORMS.items()):
            with contextlib.suppress(httpx.TransportError):
                reply = http.post(f"{path}?path=/", content=form, headers=headers)
                assert reply.status_code != 500, (path, name)
            assert monitor.longest < STALL_SECONDS, f"{name} at {path}: {monitor.longest:.2f} s"


def messages() -> Sequence[bytes | str]:
    """Messages of about a mebibyte, in both encodings."""
    method = b'{"method":"/api/rest_j/v1/entrance/execute","data":'
    texts = [(method + body[: MIB - 100] + b"}").decode() for body in BODIES.values()]
    packed = [
        b"\x81\xa4data\xdd\x00\x0f\x00\x00" + b"\x90" * 0xF0000,
        b"\x91" * (MIB - 1),
        b"\x81\xa1a\xdc\x7f\xff" + (b"\xdc\x00\x20" + b"\xc0" * 32) * 0x7FFF,
        b"\xde\xff\xff" + b"\xa0\xc0" * 0xFFFF,
    ]
    return [*texts, *packed]


async def test_no_message_stalls_the_loop(gateway: Gateway) -> None:
    """S59, row D5: long messages, of text and of msgpack."""
    with Monitor(gateway.url) as monitor:
        for number, message in enumerate(messages()):
            async with connect(gateway.socket_url, additional_headers=gateway.headers()) as ws:
                await ws.send(message)
                with contextlib.suppress(TimeoutError, ConnectionClosed):
                    async with asyncio.timeout(5):
                        await ws.recv()
            assert monitor.longest < STALL_SECONDS, f"message {number}: {monitor.longest:.2f} s"


@pytest.mark.parametrize(
    "path", ["/api/rest_j/v1/jobhistory/list", "/api/rest_j/v1/entrance/1/log"]
)
def test_no_query_stalls_the_loop(gateway: Gateway, path: str) -> None:
    """S59: a head is at most 16 KiB, whatever it is made of."""
    queries = ("a=%41&" * 2500, "&" * 15_000, "%25" * 5000, "a" * 15_000, "/" * 15_000)
    with gateway.client() as http, Monitor(gateway.url) as monitor:
        for query in queries:
            for target in (f"{path}?{query}", f"{path}/{query[:15_000]}"):
                with contextlib.suppress(httpx.TransportError):
                    assert http.get(target).status_code != 500
                assert monitor.longest < STALL_SECONDS, f"{query[:9]}: {monitor.longest:.2f} s"
