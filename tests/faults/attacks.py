"""Attacks on a running gateway, each in a process of its own: ``python -m tests.faults.attacks``.

What one of these does is what an ill-meaning client may do; whether anybody else is kept waiting
by it is measured beside it (``tests.faults.canary``). A process gets its target as JSON on stdin
and attacks until it is ended. Whatever the gateway answers is right, also a cut connection.
"""

import asyncio
import contextlib
import itertools
import json
import os
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass

from tests.faults.pace import pause

__all__ = ["ATTACKS", "Target", "ask"]

API = "/api/rest_j/v1"
_TIMEOUT_SECONDS = 20.0
_REST_SECONDS = 0.05
_PONG = b"\x8a\x80\0\0\0\0"
_NUMBERS = itertools.count()
_TROUBLE = (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError)


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway, the token of a user who attacks it, and what has been prepared there."""

    host: str
    port: int
    token: str
    name: str = "mallory"
    password: str = ""
    results: str = ""
    script: str = ""
    commas: str = ""

    def head(self, method: str, path: str, *fields: str) -> bytes:
        """The head of a request, without a credential."""
        lines = (f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", *fields, "", "")
        return "\r\n".join(lines).encode()

    @property
    def bearer(self) -> str:
        """The header that authenticates the attacker."""
        return f"Authorization: Bearer {self.token}"


async def ask(
    target: Target, method: str, path: str, body: bytes = b"", *fields: str, source: str = ""
) -> int:
    """Sends one request on a connection of its own; the status of the reply, read to its end."""
    address = (source, 0) if source else None
    reader, writer = await asyncio.open_connection(target.host, target.port, local_addr=address)
    try:
        more = (f"Content-Length: {len(body)}", "Connection: close", *fields)
        writer.write(target.head(method, path, *more) + body)
        first = await reader.readline()
        while await reader.read(1 << 20):
            pass
        return int(first.split()[1])
    finally:
        writer.transport.abort()


def _json(*fields: str) -> tuple[str, ...]:
    return ("Content-Type: application/json", *fields)


async def long_scripts(target: Target) -> None:
    """Row D2: a script of 4 MB of variables, shown and run by its path."""
    run = {"executeApplicationName": "shell", "runType": "shell", "scriptPath": target.script}
    await ask(target, "GET", f"{API}/filesystem/openFile?path={target.script}", b"", target.bearer)
    body = json.dumps(run).encode()
    await ask(target, "POST", f"{API}/entrance/execute", body, *_json(target.bearer))


async def wide_logins(target: Target) -> None:
    """Row D3: strangers log in with 4 MiB of empty lists."""
    body = b"[" + b"[]," * 1_398_000 + b"[]]"
    await ask(target, "POST", f"{API}/user/login", body, *_json())


async def unfinished_bodies(target: Target) -> None:
    """Row D3: 150 bodies without their last byte, of strangers."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(150):
            _, writer = await asyncio.open_connection(target.host, target.port)
            stack.callback(writer.transport.abort)
            fields = _json("Content-Length: 4194304")
            writer.write(target.head("POST", f"{API}/user/login", *fields) + b" " * 1_000_000)
        await pause(5, asyncio.Event())


async def pongs(target: Target) -> None:
    """Row D4: empty pongs as fast as they go."""
    fields = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    reader, writer = await asyncio.open_connection(target.host, target.port)
    try:
        writer.write(target.head("GET", "/ws", *fields))
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(200):
            writer.write(_PONG * 10_000)
            await writer.drain()
    finally:
        writer.transport.abort()


async def wide_pages(target: Target) -> None:
    """Row D5: pages of a table of 1,000 rows and 15,000 columns."""
    path = f"{API}/filesystem/openFile?path={target.results}/_0.dolphin&page=1&pageSize="
    await ask(target, "GET", f"{path}1000", b"", target.bearer)
    await ask(target, "GET", f"{path}60", b"", target.bearer)


async def commas(target: Target) -> None:
    """Row D5: 4 MB of commas, looked at as a table."""
    await ask(target, "GET", f"{API}/filesystem/formate?path={target.commas}", b"", target.bearer)


async def long_code(target: Target) -> None:
    """Row D5: 4 MB of code, of several kinds."""
    for run_type, code in (("sql", ";" * 4_000_000), ("shell", "${a}" * 900_000), ("py", "x\n")):
        words = {"executeApplicationName": "spark", "runType": run_type, "executionCode": code}
        body = json.dumps(words | {"params": {"variable": {"a": "b" * 1000}}}).encode()
        await ask(
            target, "POST", f"{API}/entrance/execute", body[:4_194_304], *_json(target.bearer)
        )


def _frame(data: bytes) -> bytes:
    return b"\x81\xff" + struct.pack("!Q", len(data)) + b"\0\0\0\0" + data


async def long_messages(target: Target) -> None:
    """Row D5: websocket messages of 1 MB, and others of very many values."""
    fields = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        target.bearer,
    )
    words = {"executeApplicationName": "shell", "runType": "sql"}
    ways: tuple[dict[str, object], ...] = (
        {"executionCode": "select 1;" * 100_000},
        {"x": [[]] * 250_000},
    )
    sent = [
        json.dumps({"method": f"{API}/entrance/execute", "data": words | more}).encode()
        for more in ways
    ]
    reader, writer = await asyncio.open_connection(target.host, target.port)
    try:
        writer.write(target.head("GET", "/ws", *fields))
        await reader.readuntil(b"\r\n\r\n")
        for message in sent * 3:
            writer.write(_frame(message))
            await writer.drain()
            await reader.read(1 << 16)
    finally:
        writer.transport.abort()


async def idle_strangers(target: Target) -> None:
    """Row D6: 1,600 connections that ask once and stay."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(1600):
            with contextlib.suppress(OSError):
                async with asyncio.timeout(1):
                    _, writer = await asyncio.open_connection(target.host, target.port)
                stack.callback(writer.transport.abort)
                writer.write(target.head("GET", "/healthz"))
        await pause(5, asyncio.Event())


async def silent_sockets(target: Target) -> None:
    """Row D7: websockets of strangers, more than there may be."""
    fields = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(300):
            _, writer = await asyncio.open_connection(target.host, target.port)
            stack.callback(writer.transport.abort)
            writer.write(target.head("GET", "/ws", *fields))
        await pause(2, asyncio.Event())


async def guesses(target: Target) -> None:
    """Row D8: wrong passwords, for one name and for others, from many addresses."""
    number = next(_NUMBERS)
    source = f"127.0.{1 + number // 250 % 100}.{1 + number % 250}"
    name = f"nobody{number % 1000}" if number % 2 else target.name
    words = {"userName": name, "password": os.urandom(6).hex()}
    body = json.dumps(words).encode()
    await ask(target, "POST", f"{API}/user/login", body, *_json(), source=source)


async def malformed(target: Target) -> None:
    """Row D10: heads that no honest client sends."""
    for line in (
        "Content-Length : 5",
        "Content-Length: \u0665",
        "X: a\rb",
        "X: a\nb",
        " folded: x",
    ):
        with contextlib.suppress(*_TROUBLE):
            await ask(target, "POST", f"{API}/user/login", b"{}", line)


async def uploads(target: Target) -> None:
    """Row D11: many uploads at the same time."""
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f%d"\r\n\r\n'
    body = part % (next(_NUMBERS) % 50) + bytes(1_000_000) + b"\r\n--b--\r\n"
    path = f"{API}/filesystem/upload?path=file:///{target.name}"
    field = "Content-Type: multipart/form-data; boundary=b"
    await ask(target, "POST", path, body, field, target.bearer)


async def exports(target: Target) -> None:
    """Row D12: files made of a wide table."""
    path = f"{API}/filesystem/resultsetToExcel?path={target.results}/_0.dolphin"
    await ask(target, "GET", path, b"", target.bearer)


ATTACKS: Mapping[str, tuple[int, Callable[[Target], Awaitable[None]]]] = {
    "D2-scripts": (4, long_scripts),
    "D3-logins": (4, wide_logins),
    "D3-unfinished": (1, unfinished_bodies),
    "D4-pongs": (8, pongs),
    "D5-pages": (4, wide_pages),
    "D5-commas": (4, commas),
    "D5-code": (4, long_code),
    "D5-messages": (4, long_messages),
    "D6-idle": (1, idle_strangers),
    "D7-sockets": (1, silent_sockets),
    "D8-guesses": (100, guesses),
    "D10-heads": (4, malformed),
    "D11-uploads": (12, uploads),
    "D12-exports": (2, exports),
}
"""By name: how many do it at the same time, and what they do again and again."""


async def attack(name: str, target: Target) -> None:
    """Attacks for ever."""
    count, once = ATTACKS[name]

    async def again() -> None:
        while True:
            with contextlib.suppress(*_TROUBLE):
                async with asyncio.timeout(_TIMEOUT_SECONDS):
                    await once(target)
            await pause(_REST_SECONDS, asyncio.Event())

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(again())


def reported(target: Target) -> str:
    """What a process that attacks is to be told on stdin."""
    return json.dumps(asdict(target))


if __name__ == "__main__":
    os.nice(10)  # whoever attacks has a machine of their own
    asyncio.run(attack(sys.argv[1], Target(**json.loads(sys.stdin.readline()))))
